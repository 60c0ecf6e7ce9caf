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
	Default []string        // IDs of the columns that a table shows by default
	// OnDemand lists columns that are read only if they are named or an object's page is open: they are expensive.
	OnDemand []string
	// Needs are the needs of Collect, for any columns. Relates are the further needs of Relate.
	Needs, Relates schema.Need

	// Descriptor tells the walk how to find the kind's descriptors. nil: the kind's objects are no descriptors.
	Descriptor *proc.Descriptor
	// Info lists other kinds of descriptors whose fdinfo Collect reads.
	Info []schema.Kind
	// Requires lists the kinds whose objects Collect gets from Tick.Objects.
	Requires []schema.Kind
	// Costs names the needs that the kind declares.
	Costs []schema.Cost

	// Collect lists the objects. It reports unreadable parts by Tick.Fault. An error means that Collect stopped early.
	// The objects that it returned with the error are valid.
	Collect func(*proc.Tick) ([]*schema.Object, error)
	// Relate calls add with each edge of the objects. So nobody keeps a list that an output only writes. nil: none.
	Relate func(t *proc.Tick, objects []*schema.Object, add func(schema.Edge))
	// Diagnose returns findings about the objects for a person to read. nil: none. Diagnoses are its needs besides
	// Needs.
	Diagnose  func(*proc.Tick, []*schema.Object) []schema.Finding
	Diagnoses schema.Need
	// Pending reports whether a second tick must confirm the findings of this one. nil: never.
	Pending func(*proc.Tick) bool
	// Alarm reports whether an object sets the exit code of --exit-code, if there is no filter. nil: every object does.
	Alarm func(*schema.Object) bool
	// Gauges returns totals with the kernel's limits, for the header. nil: none.
	Gauges func(*proc.Tick) ([]schema.Gauge, error)
	// Label is a short name of an object for people, beside its Ref: a process's comm, a FIFO's path. nil: none.
	Label func(*schema.Object) string
	// Parent makes the kind a tree. nil: the kind is flat. Collect lists parents before their children.
	Parent func(*schema.Object) schema.Ref
	// Tree is the ID of the column with the branches of the tree.
	Tree string
	// Subject is another object that a row describes, such as a wait's process. nil: the object itself.
	Subject func(*schema.Object) schema.Ref
	// Background marks objects that a person may want to hide (kernel threads). nil: none.
	Background func(*schema.Object) bool
	// Hidden is the name of the Background objects: "kernel threads".
	Hidden string
	// Quiet hides Background objects in every output, unless a filter asks for them.
	Quiet bool
	// Ends is advice how to free an object, for a kind that no command removes: "it is a file: rm its path". REF stands
	// for the object. "": the usual words.
	Ends string
}

// EndHolders is the command that ends the holders of an object, for Ends.
const EndHolders = "ipctop signal TERM --to holders REF"

// Column finds a column by its ID.
func (m *Mechanism) Column(id string) (*schema.Column, bool) {
	for i := range m.Columns { // an IndexFunc would copy each column
		if m.Columns[i].ID == id {
			return &m.Columns[i], true
		}
	}
	return nil, false
}

// IsOnDemand reports whether the column is read only if it is named.
func (m *Mechanism) IsOnDemand(id string) bool { return slices.Contains(m.OnDemand, id) }

// NeedsOf returns the needs of these columns. An ID that the mechanism does not have needs nothing.
func (m *Mechanism) NeedsOf(ids []string) schema.Need {
	var n schema.Need
	for _, id := range ids {
		if c, ok := m.Column(id); ok {
			n |= c.Needs
		}
	}
	return n
}

// NamedLabel is Label, or "" if the mechanism has no Label.
func (m *Mechanism) NamedLabel(o *schema.Object) string {
	if m.Label == nil {
		return ""
	}
	return m.Label(o)
}
