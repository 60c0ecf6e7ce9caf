package tui

import (
	"maps"
	"slices"
	"time"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/views"
)

// tab is the table of one family: its columns, order, filters and cursor.
type tab struct {
	view    views.View
	columns []*column
	wide    bool // all columns
	all     bool // objects of every namespace

	sortBy *column // nil: the collector's order
	down   bool
	filter textFilter
	hidden []string // columns that some rows lacked to decide the expression
	open   int      // number of undecided rows
	where  *views.Where
	user   string // user filter; "" is everybody

	tree       bool // show the tree, if the kind has one
	folded     map[schema.Ref]bool
	background bool // show kernel threads and other background, too
	related    *related

	cursor schema.Ref // the object, not the row; zero: the first row, whatever its object
	follow bool
	lost   schema.Ref // the followed object after its end
	marks  map[schema.Ref]bool

	next   *collect.Snapshot // last snapshot for this tab
	snap   *collect.Snapshot // snapshot of the rows
	rows   []row
	counts counts
	sums   string // totals of all objects

	turn  int  // grows with every change of the settings
	busy  bool // a worker filters and sorts
	again bool // and must do so once more

	index  int // row of the cursor
	top    int // first row on screen
	first  int // first column on screen after the pinned column
	widths map[string]int
	took   time.Duration // time to filter and sort the rows
}

// row is an object with its place in the tree. There may be 100,000 rows, so a row of a flat list is small.
type row struct {
	object *schema.Object
	*place // nil in a flat list
}

// place is a row's place in the tree.
type place struct {
	depth int
	last  []bool // per level: no sibling follows
	hides int    // descendants that a fold hides
}

// counts are the numbers of rows in the header.
type counts struct {
	total, hidden, marked, markedHidden int
}

func newTab(v views.View) *tab {
	t := &tab{view: v, folded: map[schema.Ref]bool{}, marks: map[schema.Ref]bool{}, widths: map[string]int{}}
	t.tree = t.parent() != nil
	t.setWide(false)
	return t
}

func (t *tab) setWide(wide bool) {
	t.wide, t.first = wide, 0
	t.columns = t.columnsNow()
	t.placeTree()
	if t.sortBy != nil {
		t.sortBy = t.column(t.sortBy.id)
	}
	clear(t.widths)
}

func (t *tab) column(id string) *column {
	i := slices.IndexFunc(t.columns, func(c *column) bool { return c.id == id })
	if i < 0 {
		return nil
	}
	return t.columns[i]
}

// treeColumn is the ID of the column with the branches while the tree is shown.
func (t *tab) treeColumn() string {
	for _, m := range t.view.Mechanisms {
		if m.Parent != nil && t.tree {
			return m.Tree
		}
	}
	return ""
}

// sentence is true if a column holds whole sentences. It gets all space that is left, and stands in full below the
// rows. This holds for the default columns, where it is last; among all columns it is an ordinary column.
func (t *tab) sentence(c *column) bool {
	return c == t.columns[len(t.columns)-1] && (c.id == t.treeColumn() || c.id == t.view.Sentence())
}

// placeTree puts the name behind the pid while the tree is shown. A person looks for the name, on narrow screens too. A
// sentence stays last.
func (t *tab) placeTree() {
	if t.parent() == nil {
		return
	}
	t.columns = t.columnsNow()
	i := slices.IndexFunc(t.columns, func(c *column) bool { return c.id == t.treeColumn() })
	if i > 1 && i < len(t.columns)-1 {
		c := t.columns[i]
		t.columns = slices.Insert(slices.Delete(t.columns, i, i+1), 1, c)
	}
}

// mechanism returns the mechanism of a kind.
func (t *tab) mechanism(k schema.Kind) *kinds.Mechanism {
	for _, m := range t.view.Mechanisms {
		if m.Kind == k {
			return m
		}
	}
	return nil
}

// parent returns the function that makes the family a tree; nil for a flat family.
func (t *tab) parent() func(*schema.Object) schema.Ref {
	for _, m := range t.view.Mechanisms {
		if m.Parent != nil {
			return m.Parent
		}
	}
	return nil
}

// hideable is true if the tab may hide rows as background.
func (t *tab) hideable() bool {
	return t.view.Hidden() != ""
}

// request asks for exactly the facts that the tab's columns, filter and sort need.
func (t *tab) request() collect.Request {
	req := collect.Request{Want: map[schema.Kind]schema.Need{}, Gauges: true}
	for _, m := range t.view.Mechanisms {
		req.Findings = req.Findings || m.Kind == schema.Wait
		var ids []string
		for _, c := range t.columns {
			ids = append(ids, c.id)
		}
		n := m.NeedsOf(ids)
		if t.user != "" {
			n |= m.NeedsOf([]string{userColumn})
		}
		if t.where != nil {
			n |= m.NeedsOf(t.where.IDs())
		}
		req.Want[m.Kind] = n
	}
	if t.related != nil {
		t.related.addNeeds(&req)
	}
	return req
}

// userColumn is the column of the user filter.
const userColumn = "user"

// current returns the object under the cursor; nil in an empty table.
func (t *tab) current() *schema.Object {
	if t.index < 0 || t.index >= len(t.rows) {
		return nil
	}
	return t.rows[t.index].object
}

// move puts the cursor on a row, and keeps it on the object there.
func (t *tab) move(to int) {
	t.index = max(0, min(to, len(t.rows)-1))
	t.cursor = schema.Ref{}
	if o := t.current(); o != nil && t.index > 0 {
		t.cursor = o.Ref
	}
}

// hold keeps the cursor on its object, even on the first row.
func (t *tab) hold() {
	if o := t.current(); o != nil {
		t.cursor = o.Ref
	}
}

// targets returns the marked objects, or else the object under the cursor. A marked object counts even if a filter
// hides it.
func (t *tab) targets() []schema.Ref {
	refs := t.marked()
	if o := t.current(); len(refs) == 0 && o != nil {
		refs = append(refs, o.Ref)
	}
	return refs
}

// marked returns the marked objects in order.
func (t *tab) marked() []schema.Ref { return slices.SortedFunc(maps.Keys(t.marks), schema.CompareRefs) }

// label names an object for people: its Ref and its mechanism's label.
func (t *tab) label(o *schema.Object) string {
	s := o.Ref.String()
	if m := t.mechanism(o.Ref.Kind); m != nil {
		if l := m.NamedLabel(o); l != "" {
			s += " " + views.Visible(l)
		}
	}
	return s
}
