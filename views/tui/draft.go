package tui

import (
	"maps"
	"time"

	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/views"
)

// atOnce is the most rows that the UI goroutine filters and sorts itself: they take about 2 ms. More rows would delay
// the keys, so a worker takes them.
const atOnce = 1000

// arrange filters and sorts a tab, once per snapshot or change, never per draw. A worker does it for many rows; each
// tab has at most one worker. Until the worker is ready, the tab shows its old rows. If a new filter needs facts that
// the snapshot lacks, the tab also keeps its old rows until the next snapshot.
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
		d, turn, finds := t.draft(), t.turn, t.follow || len(t.marks) > 0
		go a.guarded(func() {
			d.ownWhere()
			d.fill()
			for _, m := range t.view.Mechanisms {
				if finds {
					d.snap.ReadyToFind(m.Kind)
				}
			}
			a.later(func() { a.accept(t, d, turn) })
		})
	}
}

// changed is arrange after the person changed a setting. The result of a worker with the old settings is dropped.
func (a *app) changed(t *tab) {
	t.turn++
	a.arrange(t)
}

// accept shows a worker's result, unless the settings have changed meanwhile.
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

// arranged tells the person if the followed object is gone.
func (a *app) arranged(t *tab) {
	if t == a.tab() && !t.lost.IsZero() {
		a.flash = views.Visible(t.lost.String()) + " is gone: not following it any more"
		t.lost = schema.Ref{}
	}
}

// size counts the tab's objects in the newest snapshot.
func (t *tab) size() int {
	if t.next == nil {
		return 0
	}
	n := 0
	for _, m := range t.view.Mechanisms {
		n += len(t.next.Objects[m.Kind])
	}
	return n
}

// arrange filters and sorts on this goroutine.
func (t *tab) arrange() {
	if t.next != nil {
		d := t.draft()
		d.fill()
		t.take(d)
	}
}

// draft returns a copy of the tab over the newest snapshot, for fill. The copy shares only the compiled expression with
// the tab.
func (t *tab) draft() *tab {
	d := *t
	d.snap, d.rows = t.next, make([]row, 0, len(t.rows))
	d.folded = maps.Clone(t.folded)
	d.marks, d.widths = nil, nil // these belong to the screen
	return &d
}

// ownWhere gives a draft its own expression: only one goroutine at a time may use an expression.
func (t *tab) ownWhere() {
	if t.where != nil {
		t.where, _ = views.CompileWhere(t.view.Mechanisms, t.where.Source) // no error: it was compiled before
	}
}

// fill computes a draft's rows.
func (t *tab) fill() {
	begin := time.Now()
	objects := t.objects()
	all := len(objects)
	t.sums = views.Visible(t.view.Totals(t.snap))
	objects = t.pass(objects)
	t.sort(objects)
	t.counts = counts{total: all, hidden: all - len(objects)}
	if t.tree && t.parent() != nil {
		t.branch(objects)
	} else {
		for _, o := range objects {
			t.rows = append(t.rows, row{object: o})
		}
	}
	t.took = time.Since(begin)
}

// take shows the rows of a draft, and puts the cursor back on its object.
func (t *tab) take(d *tab) {
	t.snap, t.rows, t.counts, t.sums, t.folded = d.snap, d.rows, d.counts, d.sums, d.folded
	t.open, t.hidden, t.took = d.open, d.hidden, d.took
	t.countMarks()
	t.place()
}

// forget drops the rows of a tab that is not on screen, if they are many: they take much memory. They are read again
// when the tab is shown. A tab with marks keeps them, because a verb may act on the marked objects from another tab.
func (t *tab) forget() {
	if len(t.marks) == 0 && (t.size() > atOnce || len(t.rows) > atOnce) {
		t.next, t.snap, t.rows = nil, nil, nil
		t.turn++ // drops the result of a worker
	}
}
