package once

import "github.com/ipctop/ipctop/collect/schema"

// shownRefs tells which edges touch a row of the sections.
type shownRefs struct {
	sections []Section
	at       map[schema.Kind]*cursor
	all      map[schema.Ref]bool // made for the first edge that a cursor does not find
}

// cursor is the row of a section to which the last edge led. A mechanism relates its rows in their order, so the next
// edge leads to the same row or to one soon after it, and no map of all rows is necessary.
type cursor struct {
	rows []*schema.Object
	row  int
}

func newShownRefs(sections []Section) *shownRefs {
	x := &shownRefs{sections: sections, at: map[schema.Kind]*cursor{}}
	for i := range sections {
		x.at[sections[i].Mechanism.Kind] = &cursor{rows: sections[i].Rows}
	}
	return x
}

// touches is true for an edge with one end at least among the rows.
func (x *shownRefs) touches(e *schema.Edge) bool {
	return x.at[e.To.Kind].finds(&e.To) || x.at[e.From.Kind].finds(&e.From) || x.has(e.To) || x.has(e.From)
}

func (c *cursor) finds(r *schema.Ref) bool {
	const ahead = 16
	if c == nil {
		return false
	}
	for i := c.row; i < min(c.row+ahead, len(c.rows)); i++ {
		if other := &c.rows[i].Ref; other.ID == r.ID && *other == *r {
			c.row = i
			return true
		}
	}
	return false
}

func (x *shownRefs) has(r schema.Ref) bool {
	if x.all == nil {
		x.all = map[schema.Ref]bool{}
		for i := range x.sections {
			s := &x.sections[i]
			for _, o := range s.Rows {
				x.all[o.Ref] = true
				if s.Mechanism.Subject != nil {
					x.all[s.Mechanism.Subject(o)] = true
				}
			}
		}
	}
	return x.all[r]
}
