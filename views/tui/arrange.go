package tui

import (
	"slices"

	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/views"
)

// objects returns the objects that the tab may show. It leaves out background objects (for example kernel threads),
// unless the person asks for them or for the waits of some objects.
func (t *tab) objects() []*schema.Object {
	n := 0
	for _, m := range t.view.Mechanisms {
		n += len(t.snap.Objects[m.Kind])
	}
	all := make([]*schema.Object, 0, n)
	for _, m := range t.view.Mechanisms {
		for _, o := range t.snap.Objects[m.Kind] {
			if !t.view.Lists(m, o) {
				continue
			}
			if t.background || t.related != nil && t.related.waits || !t.view.Background(m, o) {
				all = append(all, o)
			}
		}
	}
	return all
}

// pass returns the objects that pass every filter.
func (t *tab) pass(objects []*schema.Object) []*schema.Object {
	var among map[schema.Ref]bool
	if t.related != nil {
		among = t.related.rows(t)
	}
	match := t.filter.matcher(t.cells)
	if t.where != nil {
		t.where.Undecided() // forget the counts of the last time
	}
	user := t.column(userColumn)
	objects = slices.DeleteFunc(objects, func(o *schema.Object) bool {
		if among != nil && !among[o.Ref] {
			return true
		}
		if t.user != "" && user != nil && user.get(o).Str() != t.user {
			return true
		}
		if t.where != nil && !t.where.Match(o) {
			return true
		}
		return match != nil && !match(o)
	})
	t.open, t.hidden = 0, nil
	if t.where != nil {
		t.open, t.hidden = t.where.Undecided()
	}
	return objects
}

// cells yields the texts that a filter reads: the cells of the row, and its label.
func (t *tab) cells(o *schema.Object, yield func(string) bool) {
	if !yield(t.label(o)) {
		return
	}
	f := views.Format{Now: t.snap.Taken}
	for _, c := range t.columns {
		v := c.get(o)
		if !v.IsKnown() {
			continue
		}
		text := views.Text(v, f)
		if v.Type() == schema.TypeList { // a cell shows only the first words of a long list
			text = sentences(v)
		}
		if !yield(text) {
			return
		}
	}
}

// sort orders by the chosen column. It is stable: equal cells keep the collector's order.
func (t *tab) sort(objects []*schema.Object) {
	if t.sortBy == nil {
		t.view.Order(objects)
		return
	}
	by := schema.Column{ID: t.sortBy.id, Get: t.sortBy.get}
	views.SortObjects(objects, []views.SortKey{{ID: by.ID, Desc: t.down}},
		func(schema.Kind, string) (schema.Column, bool) { return by, true })
}

// countMarks counts the marked objects, and those that a filter hides.
func (t *tab) countMarks() {
	t.counts.marked, t.counts.markedHidden = 0, 0
	if t.snap == nil || len(t.marks) == 0 {
		return
	}
	for r := range t.marks {
		if t.snap.Find(r) == nil {
			delete(t.marks, r) // it is gone: a later object with its number must not be marked
		}
	}
	if t.counts.marked = len(t.marks); t.counts.marked == 0 {
		return
	}
	t.counts.markedHidden = t.counts.marked
	for i := range t.rows {
		if t.marks[t.rows[i].object.Ref] {
			t.counts.markedHidden--
		}
	}
}

// place finds the cursor's object again. If the object is gone, the cursor stays on its line.
func (t *tab) place() {
	if i := t.rowOf(t.cursor); i >= 0 {
		t.top += i - t.index // keep the line's place on the screen
		t.index = i
		return
	}
	gone := !t.cursor.IsZero()
	if !gone {
		t.index = 0
	}
	if t.follow && t.snap.Find(t.cursor) == nil {
		t.follow, t.lost = false, t.cursor
	}
	t.index = max(0, min(t.index, len(t.rows)-1))
	if gone {
		t.hold()
	}
}

// rowOf returns the row of an object, or -1. It looks first where the cursor is: most objects keep their row.
func (t *tab) rowOf(r schema.Ref) int {
	if r.IsZero() {
		return -1
	}
	if o := t.current(); o != nil && o.Ref == r {
		return t.index
	}
	return slices.IndexFunc(t.rows, func(row row) bool { return row.object.Ref.ID == r.ID && row.object.Ref == r })
}
