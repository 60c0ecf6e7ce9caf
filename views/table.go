package views

import (
	"slices"
	"strings"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/schema"
)

// RefColumn is the first column of every kind: the object's Ref as text.
func RefColumn() schema.Column {
	return schema.Column{ID: "ref", Title: "REF", Help: "reference, as rm, signal and --where take it",
		Type: schema.TypeRef, Width: 14,
		Get: func(o *schema.Object) schema.Value { return schema.RefAt(&o.Ref) }}
}

// KindColumn holds the kind, for --where over several kinds.
func KindColumn() schema.Column {
	return schema.Column{ID: "kind", Help: "kind of the object", Type: schema.TypeString, Width: 5,
		Get: func(o *schema.Object) schema.Value { return schema.String(string(o.Ref.Kind)) }}
}

// ColumnsOf lists every column of a mechanism: ref, kind, then its own columns.
func ColumnsOf(m *kinds.Mechanism) []schema.Column {
	return append([]schema.Column{RefColumn(), KindColumn()}, m.Columns...)
}

func findColumn(columns []schema.Column, id string) (schema.Column, bool) {
	i := slices.IndexFunc(columns, func(c schema.Column) bool { return c.ID == id })
	if i < 0 {
		return schema.Column{}, false
	}
	return columns[i], true
}

// DefaultColumns lists ref and the mechanism's default columns.
func DefaultColumns(m *kinds.Mechanism) []schema.Column {
	columns := []schema.Column{RefColumn()}
	for _, id := range m.Default {
		if c, ok := m.Column(id); ok {
			columns = append(columns, *c)
		}
	}
	return columns
}

// WithNamespace adds the column of the namespace behind ref, if the mechanism's objects live in namespaces.
func WithNamespace(m *kinds.Mechanism, columns []schema.Column) []schema.Column {
	c, ok := m.Column("ns_leader")
	if _, has := findColumn(columns, "ns_leader"); !ok || has {
		return columns
	}
	return slices.Insert(slices.Clone(columns), min(1, len(columns)), *c)
}

// RecordColumns lists the columns of a JSON row: all that cost nothing per object.
func RecordColumns(m *kinds.Mechanism) []schema.Column {
	return slices.DeleteFunc(ColumnsOf(m), func(c schema.Column) bool { return c.ID == "kind" || m.IsOnDemand(c.ID) })
}

// PageColumns lists all columns of a mechanism for an object's page: the table's columns in its order, then the columns
// that only a page reads, then the rest.
func PageColumns(m *kinds.Mechanism) []schema.Column {
	var columns []schema.Column
	add := func(ids []string) {
		for _, id := range ids {
			c, ok := m.Column(id)
			if _, has := findColumn(columns, id); ok && !has {
				columns = append(columns, *c)
			}
		}
	}
	add(m.Default)
	add(m.OnDemand)
	for _, c := range m.Columns {
		if _, has := findColumn(columns, c.ID); !has {
			columns = append(columns, c)
		}
	}
	return columns
}

// CheckColumns returns a UsageError for an ID that is no column of any of the mechanisms. The error names the nearest
// ID.
func CheckColumns(mechs []*kinds.Mechanism, ids []string) error {
	var known []string
	for _, m := range mechs {
		for _, c := range ColumnsOf(m) {
			known = append(known, c.ID)
		}
	}
	for _, id := range ids {
		if !slices.Contains(known, id) {
			return unknown("column", id, known)
		}
	}
	return nil
}

// ParseColumns reads the value of --columns: "a,b" shows these columns, "+c" adds c to base, "-c" removes it, and "all"
// is every column. It skips the IDs of other kinds; CheckColumns finds the IDs that no kind has.
func ParseColumns(m *kinds.Mechanism, spec string, base []schema.Column) []schema.Column {
	all := ColumnsOf(m)
	var chosen []schema.Column
	if spec == "" || strings.HasPrefix(spec, "+") || strings.HasPrefix(spec, "-") {
		chosen = slices.Clone(base)
	}
	for _, id := range SplitColumns(spec) {
		if id == "all" {
			chosen = slices.Clone(all)
			continue
		}
		name, drop := strings.CutPrefix(id, "-")
		name = strings.TrimPrefix(name, "+")
		at := slices.IndexFunc(chosen, func(c schema.Column) bool { return c.ID == name })
		switch c, ok := findColumn(all, name); {
		case drop && at >= 0:
			chosen = slices.Delete(chosen, at, at+1)
		case !drop && ok && at < 0:
			chosen = append(chosen, c)
		}
	}
	return chosen
}

// SplitColumns cuts a list at commas, and drops empty parts.
func SplitColumns(spec string) []string {
	return slices.DeleteFunc(strings.Split(spec, ","), func(s string) bool { return s == "" })
}

// ColumnIDs returns the IDs in the value of --columns or --sort, without signs and without "all".
func ColumnIDs(spec string) []string {
	var ids []string
	for _, id := range SplitColumns(spec) {
		if id = strings.TrimLeft(id, "+-"); id != "all" {
			ids = append(ids, id)
		}
	}
	return ids
}

// SortKey is a column and a direction to sort by.
type SortKey struct {
	ID   string
	Desc bool
}

// ParseSort reads "size,-age": first by size, ascending; then by age, descending.
func ParseSort(spec string) []SortKey {
	var keys []SortKey
	for _, id := range SplitColumns(spec) {
		name, desc := strings.CutPrefix(id, "-")
		keys = append(keys, SortKey{strings.TrimPrefix(name, "+"), desc})
	}
	return keys
}

// Table describes the table of one kind: columns, order and filter.
type Table struct {
	Mechanism *kinds.Mechanism
	Columns   []schema.Column
	Sort      []SortKey
	Where     *Where
}

// Needs returns the facts that columns, order and filter need.
func (t *Table) Needs() schema.Need {
	ids := []string{}
	for _, c := range t.Columns {
		ids = append(ids, c.ID)
	}
	for _, k := range t.Sort {
		ids = append(ids, k.ID)
	}
	if t.Where != nil {
		ids = append(ids, t.Where.IDs()...)
	}
	return t.Mechanism.NeedsOf(ids)
}

// Rows filters and sorts the snapshot's objects of the table's kind. Without a sort key they keep the mechanism's
// order.
func (t *Table) Rows(s *collect.Snapshot) []*schema.Object {
	return t.RowsOf(s.Objects[t.Mechanism.Kind])
}

// RowsOf is Rows for all objects of the table's kind.
func (t *Table) RowsOf(objects []*schema.Object) []*schema.Object {
	rows := slices.Clone(objects)
	switch m := t.Mechanism; {
	case t.Where != nil:
		rows = slices.DeleteFunc(rows, func(o *schema.Object) bool { return !t.Where.Match(o) })
	case m.Quiet:
		rows = slices.DeleteFunc(rows, m.Background)
	}
	SortObjects(rows, t.Sort, func(k schema.Kind, id string) (schema.Column,
		bool) {
		return findColumn(ColumnsOf(t.Mechanism), id)
	})
	return rows
}

// SortObjects sorts by the keys; equal objects keep their order. column finds a column of a kind. Unknown cells come
// last, and so do objects whose kind lacks the column. Each cell is read once.
func SortObjects(rows []*schema.Object, keys []SortKey, column func(schema.Kind, string) (schema.Column, bool)) {
	if len(keys) == 0 {
		return
	}
	type sortable struct {
		o     *schema.Object
		cells []schema.Value
	}
	getters := map[schema.Kind][]func(*schema.Object) schema.Value{}
	list := make([]sortable, len(rows))
	cells := make([]schema.Value, len(rows)*len(keys))
	for i, o := range rows {
		get, ok := getters[o.Ref.Kind]
		if !ok {
			get = make([]func(*schema.Object) schema.Value, len(keys))
			for n, k := range keys {
				if c, has := column(o.Ref.Kind, k.ID); has {
					get[n] = c.Get
				}
			}
			getters[o.Ref.Kind] = get
		}
		list[i] = sortable{o, cells[i*len(keys) : (i+1)*len(keys)]}
		for n := range keys {
			if get[n] != nil {
				list[i].cells[n] = get[n](o)
			}
		}
	}
	slices.SortStableFunc(list, func(a, b sortable) int {
		for n, k := range keys {
			compare := schema.Compare
			if k.Desc {
				compare = schema.CompareDesc
			}
			if c := compare(a.cells[n], b.cells[n]); c != 0 {
				return c
			}
		}
		return 0
	})
	for i := range list {
		rows[i] = list[i].o
	}
}
