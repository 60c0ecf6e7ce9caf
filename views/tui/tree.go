package tui

import (
	"strings"

	"github.com/ipctop/ipctop/collect/schema"
)

// branch lays the objects out as a tree. Siblings keep their order. If a filter hides a parent, its children hang on
// their nearest visible ancestor.
func (t *tab) branch(objects []*schema.Object) {
	shown := make(map[schema.Ref]bool, len(objects))
	for _, o := range objects {
		shown[o.Ref] = true
	}
	parent := t.parent()
	if t.follow {
		for o := t.snap.Find(t.cursor); o != nil; o = t.snap.Find(parent(o)) {
			delete(t.folded, parent(o))
		}
	}
	children := map[schema.Ref][]*schema.Object{}
	for _, o := range objects {
		up := parent(o)
		for !up.IsZero() && !shown[up] {
			above := t.snap.Find(up)
			if above == nil {
				up = schema.Ref{}
				break
			}
			up = parent(above)
		}
		children[up] = append(children[up], o)
	}
	t.grow(children, schema.Ref{}, nil)
}

func (t *tab) grow(children map[schema.Ref][]*schema.Object, of schema.Ref, last []bool) {
	for i, o := range children[of] {
		here := append(last[:len(last):len(last)], i == len(children[of])-1)
		r := row{o, &place{depth: len(last), last: here}}
		if t.folded[o.Ref] {
			r.hides = descendants(children, o.Ref)
		}
		t.rows = append(t.rows, r)
		if !t.folded[o.Ref] {
			t.grow(children, o.Ref, here)
		}
	}
}

func descendants(children map[schema.Ref][]*schema.Object, of schema.Ref) int {
	n := len(children[of])
	for _, o := range children[of] {
		n += descendants(children, o.Ref)
	}
	return n
}

// branches returns the lines that lead to a row, with "+" if a fold hides descendants.
func (r *row) branches() string {
	if r.place == nil {
		return ""
	}
	var b strings.Builder
	for i := 1; i < r.depth; i++ {
		if r.last[i] {
			b.WriteString("  ")
		} else {
			b.WriteString("│ ")
		}
	}
	if r.depth > 0 {
		if r.last[r.depth] {
			b.WriteString("└─")
		} else {
			b.WriteString("├─")
		}
	}
	if r.hides > 0 {
		b.WriteString("+ ")
	} else if r.depth > 0 {
		b.WriteString(" ")
	}
	return b.String()
}
