package views

import (
	"slices"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/schema"
)

// Branches returns for each row the lines of the tree that lead to it. The rows must be in tree order. If a parent is
// not among the rows, its children hang on their nearest ancestor among the rows.
func Branches(m *kinds.Mechanism, s *collect.Snapshot, rows []*schema.Object) []string {
	at := make(map[schema.Ref]int, len(rows))
	for i, o := range rows {
		at[o.Ref] = i
	}
	parents, last := make([]int, len(rows)), map[int]int{} // last child of each row; key -1 is the root
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

// DrawsTree is true if the table is drawn as a tree: the mechanism has a tree, the branches stand in the last column,
// and the person chose no other order.
func (t *Table) DrawsTree() bool {
	m := t.Mechanism
	return m.Tree != "" && m.Parent != nil && len(t.Sort) == 0 && len(t.Columns) > 0 && slices.IndexFunc(t.Columns,
		func(c schema.Column) bool { return c.ID == m.Tree }) == len(t.Columns)-1
}
