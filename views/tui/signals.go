package tui

import (
	"fmt"
	"slices"
	"syscall"

	"github.com/ipctop/ipctop/actions"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/views"
)

// signalMenu offers all signals, SIGTERM first under the cursor. For objects that are no processes Tab chooses which of the
// processes at them are meant.
func signalMenu(a *app, refs []schema.Ref, hidden int) reaction {
	sides, side := []actions.Side{actions.Holders}, 0
	if slices.ContainsFunc(refs, func(r schema.Ref) bool { return r.Kind != schema.Proc }) {
		sides = actions.Sides()
		side = max(0, slices.Index(sides, actions.Holders))
	}
	signals := actions.Signals()
	var items []item
	for _, s := range signals {
		items = append(items, item{
			spans: []span{{fmt.Sprintf("%3d ", s.Number), a.theme.text}, {pad(s.String(), 13, false), a.theme.strong}, {s.Says, a.theme.text}},
			do: func(a *app) reaction {
				a.pop()
				return a.plan(s.String(), hidden, func() (*actions.Plan, error) { return a.opts.Planner.Signal(s, refs, sides[side]) })
			},
		})
	}
	m := newMenu(a, "Signal to send", items)
	m.jump = true
	m.index = slices.IndexFunc(signals, func(s actions.Signal) bool { return s.Number == syscall.SIGTERM })
	name := func() { m.foot = "to " + signalTargets(a, refs, sides, side) }
	name()
	if len(sides) > 1 {
		m.keys = keymap{{keys: "Tab", name: "To whom", help: "choose which processes at the object are meant", do: func(*app) reaction {
			side = (side + 1) % len(sides)
			name()
			return nothing
		}}}
	}
	a.push(m)
	return nothing
}

func signalTargets(a *app, refs []schema.Ref, sides []actions.Side, side int) string {
	s := refsText(refs)
	if len(refs) == 1 && a.snap != nil {
		if o := a.snap.Find(refs[0]); o != nil {
			s += " " + views.Visible(a.mechanism(o.Ref.Kind).NamedLabel(o))
		}
	}
	if len(sides) > 1 {
		return fmt.Sprintf("the %s of %s   (Tab: %s)", sides[side], s, sides[(side+1)%len(sides)])
	}
	return s
}
