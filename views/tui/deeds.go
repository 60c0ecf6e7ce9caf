package tui

import (
	"context"
	"slices"
	"sync"

	"github.com/ipctop/ipctop/actions"
	"github.com/ipctop/ipctop/collect/schema"
)

// workers run what may take a while: making plans and running them. What comes of it reaches the screen through the pump.
type workers struct {
	ctx  context.Context
	post chan func()
	deed sync.WaitGroup // plans that are being run: Run waits for them
}

// start runs work on a goroutine of its own; the function that it returns is called on the UI goroutine.
func (a *app) start(work func() func()) {
	a.work.deed.Add(1)
	go a.guarded(func() {
		defer a.work.deed.Done()
		a.later(work())
	})
}

// later has f called on the UI goroutine, unless the dashboard ends before.
func (a *app) later(f func()) {
	select {
	case a.work.post <- f:
	case <-a.work.ctx.Done():
	}
}

// plan makes a plan while the dialog says so, then shows it.
func (a *app) plan(title string, hidden int, make func() (*actions.Plan, error)) reaction {
	d := newPlanRoom(a, title, hidden)
	a.push(d)
	a.start(func() func() {
		plan, err := make()
		return func() { d.made(plan, err) }
	})
	return nothing
}

// removeKeys and signalKeys are what changes the machine. They do not exist in read-only mode, nor without a planner.
func removeKeys(targets func() []schema.Ref, hidden func() int) keymap {
	return keymap{{keys: "F8 Ctrl-D", name: "Remove", help: "remove the object, or the marked ones: shows a plan and asks", danger: true,
		when: func(a *app) bool { return a.opts.Planner != nil && anyRemovable(targets()) },
		do: func(a *app) reaction {
			refs := targets()
			return a.plan("Remove", hidden(), func() (*actions.Plan, error) { return a.opts.Planner.Remove(refs) })
		}}}
}

func anyRemovable(refs []schema.Ref) bool {
	for _, r := range refs {
		if actions.Removable(r.Kind) {
			return true
		}
	}
	return false
}

func signalKeys(help string, when func() bool, targets func() []schema.Ref, hidden func() int) keymap {
	return keymap{{keys: "F9 k", name: "Signal", help: help, danger: true,
		when: func(a *app) bool { return a.opts.Planner != nil && when() },
		do:   func(a *app) reaction { return signalMenu(a, targets(), hidden()) }}}
}

// actionKeys of a table act on the marked rows or the one under the cursor.
func (r *tableRoom) actionKeys() keymap {
	t := r.app.tab
	targets := func() []schema.Ref { return r.app.subjects(t().targets(), t().snap) }
	hidden := func() int { return t().seen.markedHidden }
	hasRows := func() bool { return t().current() != nil }
	say := "signal the processes at the object, or at the marked ones: all signals to choose from, then a plan"
	if t().mechanism(schema.Proc) != nil || t().mechanism(schema.Wait) != nil {
		say = "signal the process, or the marked ones: all signals to choose from, then a plan"
	}
	return slices.Concat(signalKeys(say, hasRows, targets, hidden), removeKeys(targets, hidden),
		waitsKeys("what the object or process waits for, or the marked ones, and who waits for it", hasRows, targets))
}

// actionKeys of a page act on its object; a signal goes to the processes at it.
func (p *page) actionKeys() keymap {
	targets := func() []schema.Ref {
		if p.object == nil {
			return nil
		}
		return []schema.Ref{p.app.subject(p.object)}
	}
	none := func() int { return 0 }
	there := func() bool { return p.object != nil && !p.gone }
	say := "signal the processes at this object"
	if p.ref.Kind == schema.Proc || p.ref.Kind == schema.Wait {
		say = "signal this process"
	}
	return slices.Concat(signalKeys(say, there, targets, none), removeKeys(targets, none),
		waitsKeys("what it waits for, and who waits for it", there, targets))
}
