package tui

import (
	"context"
	"slices"
	"sync"

	"github.com/ipctop/ipctop/actions"
	"github.com/ipctop/ipctop/collect/schema"
)

// workers run slow work: they make plans and run them. Their results reach the screen through the pump.
type workers struct {
	ctx  context.Context
	post chan func()
	deed sync.WaitGroup // plans that run now; Run waits for them
}

// start runs work on a new goroutine. The function that work returns is called on the UI goroutine.
func (a *app) start(work func() func()) {
	a.work.deed.Add(1)
	go a.guarded(func() {
		defer a.work.deed.Done()
		a.later(work())
	})
}

// later calls f on the UI goroutine, unless the dashboard ends before.
func (a *app) later(f func()) {
	select {
	case a.work.post <- f:
	case <-a.work.ctx.Done():
	}
}

// plan opens a dialog, makes a plan, and shows the plan in the dialog.
func (a *app) plan(title string, meant []string, make func() (*actions.Plan, error)) reaction {
	d := newPlanRoom(a, title, meant)
	a.push(d)
	a.start(func() func() {
		plan, err := make()
		return func() { d.made(plan, err) }
	})
	return nothing
}

// actionKeys of a table act on the marked rows, or on the row under the cursor.
func (r *tableRoom) actionKeys() keymap {
	t := r.app.tab
	targets := func() []schema.Ref { return r.app.subjects(t().targets(), t().snap) }
	hasRows := func() bool { return t().current() != nil }
	return slices.Concat(verbKeys(t().view.Mechanisms[0].Kind, true, r.app.aim()), cleanKeys(t),
		waitsKeys("what the object or process waits for, or the marked ones, and who waits for it", hasRows, targets))
}

// actionKeys of a page act on its object until the object is gone. A signal goes to the processes at the object.
func (p *page) actionKeys() keymap {
	targets := func() []schema.Ref {
		if p.object == nil || p.gone {
			return nil
		}
		return []schema.Ref{p.app.subject(p.object)}
	}
	there := func() bool { return targets() != nil }
	to := aim{subjects: targets()}
	if there() {
		to.rows = []schema.Ref{p.object.Ref}
	}
	return slices.Concat(verbKeys(p.ref.Kind, false, to),
		waitsKeys("what it waits for, and who waits for it", there, targets))
}
