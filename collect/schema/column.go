package schema

import "strings"

// Need is what a column costs to read. The collector gathers the union of what somebody shows, sorts by, filters on or
// relates. The room that reads something declares the Need of it: proc the walk's, each kind and aspect its own.
type Need uint64

// Cost is a need, or several needs that read one source, with the name in --list-columns.
type Cost struct {
	Need Need
	Name string
}

// Has says whether all of n is in the set.
func (s Need) Has(n Need) bool { return s&n == n }

// In lists the names that costs has for the needs, "-" for none. A need without a name there goes unsaid.
func (s Need) In(costs []Cost) string {
	var names []string
	for _, c := range costs {
		if s&c.Need != 0 {
			names = append(names, c.Name)
		}
	}
	if len(names) == 0 {
		return "-"
	}
	return strings.Join(names, ", ")
}

// Column is one property of a kind of objects, declared once, beside its mechanism.
// Its ID is the JSON and CSV key and what --columns, --sort and --where take.
type Column struct {
	ID    string
	Title string // heading; "" is the ID in capitals
	Help  string // one sentence, no full stop
	Type  Type
	Width int  // the usual width of a cell in columns of the screen
	Needs Need // what has to be gathered before Get tells more than NotCollected
	Get   func(*Object) Value
}

// Heading is the column's title on screen.
func (c *Column) Heading() string {
	if c.Title != "" {
		return c.Title
	}
	return strings.ToUpper(c.ID)
}

// Object is one thing on the machine: its identity, and the row that its mechanism's columns read.
type Object struct {
	Ref Ref
	Row any // *T of the mechanism; only its Columns look inside

	notes []note // what aspects say of it: see Note
}

// Col makes a Column whose getter sees the mechanism's own row type.
func Col[T any](id string, typ Type, width int, needs Need, help string, get func(*T) Value) Column {
	return Column{ID: id, Type: typ, Width: width, Needs: needs, Help: help,
		Get: func(o *Object) Value { return get(o.Row.(*T)) }}
}

// Titled gives the column another heading than its ID in capitals.
func (c Column) Titled(title string) Column {
	c.Title = title
	return c
}
