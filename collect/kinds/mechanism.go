package kinds

import (
	"slices"

	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// Mechanism describes, collects and relates one kind of objects. It is an immutable value.
type Mechanism struct {
	Kind   schema.Kind
	Family schema.Family
	Title  string // plural, for headings: "System V message queues"
	Help   string // one sentence

	Columns []schema.Column // all of them, in the order of --list-columns and JSON
	Default []string        // IDs of those that a table shows unless told otherwise
	// OnDemand are IDs that nobody reads unless they are named or an object's page is open: they cost much per object.
	OnDemand []string
	// Needs is what Collect itself takes, whatever columns are shown; Relates what Relate takes besides.
	Needs, Relates schema.Need

	// Descriptor declares how the walk finds the kind's descriptors; nil: its objects are none.
	Descriptor *proc.Descriptor
	// Info are other kinds of descriptors whose fdinfo Collect reads.
	Info []schema.Kind
	// Requires are the kinds whose objects Collect asks for with Tick.Objects.
	Requires []schema.Kind
	// Costs names the needs that the kind declares.
	Costs []schema.Cost

	// Collect lists the objects. What could not be read it reports by Tick.Fault; an error means that it has nothing at
	// all to show or stopped midway: what it returned with it still counts.
	Collect func(*proc.Tick) ([]*schema.Object, error)
	// Relate gives the edges of its objects; nil: it has none.
	Relate func(*proc.Tick, []*schema.Object) []schema.Edge
	// Diagnose gives the verdicts on its objects that a person should hear of; nil: none. Diagnoses are what it takes
	// besides Needs.
	Diagnose  func(*proc.Tick, []*schema.Object) []schema.Finding
	Diagnoses schema.Need
	// Pending says whether a second look has to confirm what this one found; nil: never.
	Pending func(*proc.Tick) bool
	// Alarm says whether an object is what --exit-code is for, where no filter says it; nil: any is.
	Alarm func(*schema.Object) bool
	// Gauges gives totals against the kernel's limits, for the header; nil: none.
	Gauges func(*proc.Tick) ([]schema.Gauge, error)
	// Label names an object in a few words for people, beside its Ref: a process's comm, a FIFO's path. nil: none.
	Label func(*schema.Object) string
	// Parent makes the kind a tree; nil: it is flat. Collect lists parents before their children.
	Parent func(*schema.Object) schema.Ref
	// Tree is the ID of the column that carries the branches of a tree.
	Tree string
	// Subject is what a row stands for, where that is another object: a wait's process. nil: the object itself.
	Subject func(*schema.Object) schema.Ref
	// Background marks objects that a person may want hidden (kernel threads); nil: none.
	Background func(*schema.Object) bool
	// Hidden says in words what is Background: "kernel threads".
	Hidden string
	// Quiet leaves what is Background out of every output unless a filter asks for it.
	Quiet bool
	// Ends is a sentence about what frees an object of a kind that no command removes: "it is a file: rm its path". REF
	// stands for the object. "": the usual words.
	Ends string
}

// EndHolders is the command that ends who holds an object, for Ends.
const EndHolders = "ipctop signal TERM --to holders REF"

// Column finds a column by its ID.
func (m *Mechanism) Column(id string) (*schema.Column, bool) {
	i := slices.IndexFunc(m.Columns, func(c schema.Column) bool { return c.ID == id })
	if i < 0 {
		return nil, false
	}
	return &m.Columns[i], true
}

// IsOnDemand says whether the column is read only when it is asked for by name.
func (m *Mechanism) IsOnDemand(id string) bool { return slices.Contains(m.OnDemand, id) }

// NeedsOf is what has to be gathered for these columns. IDs that the mechanism does not have cost nothing.
func (m *Mechanism) NeedsOf(ids []string) schema.Need {
	var n schema.Need
	for _, id := range ids {
		if c, ok := m.Column(id); ok {
			n |= c.Needs
		}
	}
	return n
}

// NamedLabel is Label, or "" where the mechanism has none.
func (m *Mechanism) NamedLabel(o *schema.Object) string {
	if m.Label == nil {
		return ""
	}
	return m.Label(o)
}
