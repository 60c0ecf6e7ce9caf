package views

import (
	"slices"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/schema"
)

// Branches draws, for rows in the order of their tree, the lines that lead to each. A parent that is not among the
// rows leaves no gap: its children hang on the nearest ancestor that is.
func Branches(m *kinds.Mechanism, s *collect.Snapshot, rows []*schema.Object) []string {
	at := make(map[schema.Ref]int, len(rows))
	for i, o := range rows {
		at[o.Ref] = i
	}
	parents, last := make([]int, len(rows)), map[int]int{} // last child of each row, -1 the root
	for i, o := range rows {
		parents[i] = -1
		for up := m.Parent(o); !up.IsZero() && parents[i] < 0; {
			if p, ok := at[up]; ok {
				parents[i] = p
				break
			}
			above := s.Find(up)
			if above == nil {
				break
			}
			up = m.Parent(above)
		}
		last[parents[i]] = i
	}
	lines := make([]string, len(rows))
	for i := range rows {
		if parents[i] < 0 {
			continue
		}
		line := "├─ "
		if last[parents[i]] == i {
			line = "└─ "
		}
		for up := parents[i]; parents[up] >= 0; up = parents[up] {
			if last[parents[up]] == up {
				line = "   " + line
			} else {
				line = "│  " + line
			}
		}
		lines[i] = line
	}
	return lines
}

// DrawsTree says whether a table of these columns is drawn as a tree: the mechanism has one, its branches stand in
// the last column, and no other order was asked for.
func (t *Table) DrawsTree() bool {
	m := t.Mechanism
	return m.Tree != "" && m.Parent != nil && len(t.Sort) == 0 && len(t.Columns) > 0 && slices.IndexFunc(t.Columns,
		func(c schema.Column) bool { return c.ID == m.Tree }) == len(t.Columns)-1
}
