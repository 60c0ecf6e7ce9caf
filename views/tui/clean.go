package tui

import (
	"github.com/ipctop/ipctop/actions"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/views"
)

// cleanKeys remove all orphans of the view of leaks. They exist in no other table.
func cleanKeys(t func() *tab) keymap {
	if t().view.Family != views.LeaksWord {
		return nil
	}
	return keymap{{keys: "C", name: "Clean", danger: true,
		help: "remove all orphans shown: shows a plan and asks; what is no orphan any more is refused",
		when: func(a *app) bool { return a.opts.Planner != nil },
		do: func(a *app) reaction {
			refs := t().orphans()
			if len(refs) == 0 {
				a.flash = "no orphan is shown"
				return nothing
			}
			return a.plan("Clean", nil, func() (*actions.Plan, error) { return a.opts.Planner.Clean(refs) })
		}}}
}

// orphans lists the orphans among the rows.
func (t *tab) orphans() (refs []schema.Ref) {
	for _, r := range t.rows {
		if m := t.mechanism(r.object.Ref.Kind); m != nil && views.VerdictOf(m, r.object) == relate.Orphan {
			refs = append(refs, r.object.Ref)
		}
	}
	return refs
}
