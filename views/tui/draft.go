package tui

import (
	"maps"
	"time"

	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/views"
)

// atOnce is the number of rows that are filtered and sorted within a frame, a hundredth of a second, so that nobody
// need wait for a worker. For more the keys would wait.
const atOnce = 4000

// arrange has a tab filtered and sorted: once per snapshot or change, never per draw. What many rows take is done by
// a worker, one at a time for each tab; until it is ready the tab shows what it showed. So it does until a snapshot
// comes that has what a new filter reads.
func (a *app) arrange(t *tab) {
	switch {
	case t.next == nil:
	case t.busy:
		t.again = true
	case !t.next.Covers(t.request()):
		t.countMarks()
	case t.size() <= atOnce:
		t.arrange()
		a.arranged(t)
	default:
		t.busy = true
		d, turn := t.draft(), t.turn
		go a.guarded(func() {
			d.own()
			d.fill()
			a.later(func() { a.accept(t, d, turn) })
		})
	}
}

// changed is arrange after the person changed something: what a worker makes of the old settings is of no use any more.
func (a *app) changed(t *tab) {
	t.turn++
	a.arrange(t)
}

// accept shows what a worker made, unless the settings have changed meanwhile.
func (a *app) accept(t, draft *tab, turn int) {
	t.busy = false
	if turn == t.turn {
		t.take(draft)
		a.arranged(t)
	}
	if t.again {
		t.again = false
		a.arrange(t)
	}
}

// arranged tells when the object that was followed has gone.
func (a *app) arranged(t *tab) {
	if t == a.tab() && !t.lost.IsZero() {
		a.flash = views.Visible(t.lost.String()) + " is gone: not following it any more"
		t.lost = schema.Ref{}
	}
}

// size is the number of objects that the newest snapshot has for the tab.
func (t *tab) size() int {
	n := 0
	for _, m := range t.view.Mechanisms {
		n += len(t.next.Objects[m.Kind])
	}
	return n
}

// arrange filters and sorts at once.
func (t *tab) arrange() {
	if t.next != nil {
		d := t.draft()
		d.fill()
		t.take(d)
	}
}

// draft is a copy of the tab over the newest snapshot, for fill. Nothing in it changes with the tab but the compiled
// expression.
func (t *tab) draft() *tab {
	d := *t
	d.snap, d.rows = t.next, make([]row, 0, len(t.rows))
	d.folded = maps.Clone(t.folded)
	d.marks, d.widths = nil, nil // They are the screen's.
	return &d
}

// own gives a draft an expression of its own: one is for one goroutine at a time.
func (t *tab) own() {
	if t.where != nil {
		t.where, _ = views.CompileWhere(t.view.Mechanisms, t.where.Source) // It was compiled before.
	}
}

// fill works a draft's rows out.
func (t *tab) fill() {
	begin := time.Now()
	objects := t.objects()
	all := len(objects)
	t.sums = views.Visible(t.view.Totals(t.snap))
	objects = t.pass(objects)
	t.sort(objects)
	t.seen = counts{total: all, hidden: all - len(objects)}
	if t.tree && t.parent() != nil {
		t.branch(objects)
	} else {
		for _, o := range objects {
			t.rows = append(t.rows, row{object: o})
		}
	}
	t.took = time.Since(begin)
}

// take shows what a draft holds, and puts the cursor back on its object.
func (t *tab) take(d *tab) {
	t.snap, t.rows, t.seen, t.sums, t.folded = d.snap, d.rows, d.seen, d.sums, d.folded
	t.open, t.hidden, t.took = d.open, d.hidden, d.took
	t.countMarks()
	t.place()
}
