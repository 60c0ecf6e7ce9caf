package tui

import (
	"slices"

	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/views"
)

// column is a column of a tab. It joins the columns of several kinds that have the same ID.
type column struct {
	id, title, help string
	typ             schema.Type
	width           int
	flexible        bool // may be cut, and grows if there is room; numbers are never cut
	byKind          map[schema.Kind]*schema.Column
}

// refColumn is the column of the Ref, which every command takes. It comes first unless the kind is a tree.
const refColumn = "ref"

// get returns the cell of an object. A kind without this column has an absent cell.
func (c *column) get(o *schema.Object) schema.Value {
	if c.id == refColumn {
		return schema.RefValue(o.Ref)
	}
	if sc := c.byKind[o.Ref.Kind]; sc != nil {
		return sc.Get(o)
	}
	return schema.None(c.typ)
}

// columnsOf merges the columns of a view's kinds: the defaults, or all except those on demand. Columns with the same ID
// become one. Each kind's own order stays.
func columnsOf(view views.View, all bool) []*column {
	merged := []*column{newColumn(&schema.Column{ID: refColumn, Title: "REF", Help: "what commands take: KIND:ID",
		Type: schema.TypeRef, Width: 10})}
	tree := false
	for _, m := range view.Mechanisms {
		tree = tree || m.Parent != nil
		ids := view.Columns(m)
		if all {
			ids = visibleIDs(m)
		}
		at := 1
		for _, id := range ids {
			sc, ok := m.Column(id)
			if !ok || isIdentity(id) && m.Parent == nil {
				continue
			}
			i := slices.IndexFunc(merged, func(c *column) bool { return c.id == id })
			if i < 0 {
				i = at
				merged = slices.Insert(merged, i, newColumn(sc))
			}
			merged[i].byKind[m.Kind] = sc
			merged[i].width = max(merged[i].width, sc.Width)
			at = i + 1
		}
	}
	if tree {
		return merged[1:]
	}
	return merged
}

// isIdentity is true for columns that repeat the REF column.
func isIdentity(id string) bool { return id == "id" || id == "inode" }

func visibleIDs(m *kinds.Mechanism) []string {
	var ids []string
	for i := range m.Columns {
		if id := m.Columns[i].ID; !m.IsOnDemand(id) {
			ids = append(ids, id)
		}
	}
	return ids
}

func newColumn(sc *schema.Column) *column {
	c := &column{id: sc.ID, title: sc.Heading(), help: sc.Help, typ: sc.Type, width: sc.Width,
		byKind: map[schema.Kind]*schema.Column{}}
	switch sc.Type {
	case schema.TypeString, schema.TypeEndpoints, schema.TypeList:
		c.flexible = true
	case schema.TypeRef:
		c.flexible = sc.ID == refColumn
	}
	return c
}

// important is true for the columns that matter most to a person: the processes at an object, its waiters, the state
// of its creator, and its own state.
func (c *column) important() bool {
	return c.typ == schema.TypeEndpoints || c.id == "creator_state" || c.id == "status" || c.id == "state" ||
		c.id == "verdict"
}

// downFirst is true if the first sort by the column is descending.
func (c *column) downFirst() bool {
	switch c.typ {
	case schema.TypeBytes, schema.TypeFloat, schema.TypeDuration, schema.TypeEndpoints:
		return true
	case schema.TypeInt:
		return !slices.Contains([]string{"pid", "ppid", "pgid", "sid", "uid", "gid", "ruid", "rgid", "ni"}, c.id)
	}
	return false
}
