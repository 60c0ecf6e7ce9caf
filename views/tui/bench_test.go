package tui

import (
	"fmt"
	"testing"
	"time"

	"github.com/gdamore/tcell/v2"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/views"
)

// crowd is a tab over n objects, with eight columns of each type.
func crowd(n int) *tab {
	type row struct {
		size uint64
		name string
		n    int64
	}
	col := schema.Col[row]
	get := func(r *row) schema.Value { return schema.Int(r.n) }
	m := &kinds.Mechanism{Kind: "crowd", Family: "crowds", Columns: []schema.Column{
		col("size", schema.TypeBytes, 8, 0, "", func(r *row) schema.Value { return schema.Bytes(r.size) }),
		col("name", schema.TypeString, 16, 0, "", func(r *row) schema.Value { return schema.String(r.name) }),
		col("a", schema.TypeInt, 6, 0, "", get), col("b", schema.TypeInt, 6, 0, "", get),
		col("c", schema.TypeInt, 6, 0, "", get),
		col("d", schema.TypeInt, 6, 0, "", get), col("e", schema.TypeInt, 6, 0, "", get),
		col("f", schema.TypeInt, 6, 0, "", get),
	}, Default: []string{"size", "name", "a", "b", "c", "d", "e", "f"}}
	objects := make([]*schema.Object, n)
	for i := range objects {
		x := uint64(i) * 2654435761 % 1000003
		objects[i] = &schema.Object{Ref: schema.Ref{Kind: "crowd", ID: uint64(i)},
			Row: &row{x * 4096, fmt.Sprint("object-", x), int64(x)}}
	}
	t := newTab(views.View{Family: "crowds", Mechanisms: []*kinds.Mechanism{m}})
	t.next = crowdSnapshot(t, objects)
	t.arrange()
	return t
}

// crowdSnapshot is a snapshot for the tab.
func crowdSnapshot(t *tab, objects []*schema.Object) *collect.Snapshot {
	return &collect.Snapshot{Taken: time.Unix(1, 0), Request: t.request(),
		Objects: map[schema.Kind][]*schema.Object{"crowd": objects}}
}

// The cost of a draw does not depend on the number of rows: a draw makes only the visible rows.
func BenchmarkDraw(b *testing.B) {
	for _, n := range []int{100, 10_000, 100_000} {
		b.Run(fmt.Sprint(n, "rows"), func(b *testing.B) {
			th := newTheme(true)
			g := newGrid(&th)
			g.tab = crowd(n)
			screen := sizedScreen(b)
			g.SetRect(0, 0, 160, 50)
			g.tab.move(n / 2)
			for b.Loop() {
				screen.Clear()
				g.Draw(screen)
				screen.Show()
			}
		})
	}
}

// Filtering and sorting happens once per snapshot.
func BenchmarkArrange(b *testing.B) {
	t := crowd(100_000)
	for _, c := range []struct {
		name, sort, filter string
	}{
		{"collectors-order", "", ""}, {"by-number", "size", ""}, {"by-text", "name", ""},
		{"text-filter", "size", "object-12"},
	} {
		b.Run(c.name, func(b *testing.B) {
			t.sortBy = t.column(c.sort)
			t.filter, _ = parseFilter(c.filter)
			for b.Loop() {
				t.arrange()
			}
		})
	}
}

// A draw makes as many cells for 100,000 rows as for one screen of rows.
func TestDrawingDoesNotDependOnTheNumberOfRows(t *testing.T) {
	th := newTheme(true)
	cells := func(n int) int {
		g := newGrid(&th)
		g.tab = crowd(n)
		screen := sizedScreen(t)
		g.SetRect(0, 0, 160, 50)
		made := 0
		g.Draw(screen)
		for _, cells := range g.texts {
			made += len(cells)
		}
		return made
	}
	same(t, "cells made", cells(100), cells(100_000))
}

// sizedScreen is a screen of 160 × 50 cells.
func sizedScreen(t testing.TB) tcell.Screen {
	screen := newTestScreen(t).canvas
	screen.SetSize(160, 50)
	screen.Clear()
	return screen
}
