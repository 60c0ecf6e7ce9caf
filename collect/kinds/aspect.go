package kinds

import (
	"slices"

	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// Aspect is a judgement over objects of several kinds: whose they are, whether they are leaked, what is in them.
// A kind says what the kernel says and does not know the aspects. An Aspect is an immutable value.
type Aspect struct {
	Name string
	// Of are the kinds that the aspect is of, each with what the judgement takes besides the kind's own rows.
	Of map[schema.Kind]schema.Need
	// Columns are those that it adds to a kind, in the order of --list-columns and JSON. Readers find the result
	// in the aspect's Note.
	Columns func(kind schema.Kind, needs schema.Need) []schema.Column
	// Behind names, of a kind, the column that the aspect's columns follow. Without an entry they come last.
	Behind map[schema.Kind]string
	// Default are the aspect's columns that tables of these kinds show unless told otherwise.
	Default map[schema.Kind][]string
	// OnDemand are IDs that nobody reads unless they are named or an object's page is open.
	OnDemand []string
	// First says that an object's page shows the OnDemand columns before the kind's own, as judgements about it.
	First bool
	// Costs names the needs that the aspect declares.
	Costs []schema.Cost
	// Requires are the kinds whose objects it asks for with Tick.Objects.
	Requires []schema.Kind

	// Adds lists objects that are there for this aspect alone, behind the kind's own; nil: none.
	Adds func(f *proc.Tick, kind schema.Kind, objects []*schema.Object) []*schema.Object
	// Fill puts the aspect's Note on the objects, as far as the Tick' Needs ask.
	Fill func(f *proc.Tick, kind schema.Kind, needs schema.Need, objects []*schema.Object)
	// Diagnose gives the findings of the aspect; nil: none.
	Diagnose func(f *proc.Tick, kind schema.Kind, objects []*schema.Object) []schema.Finding
}

// Extend adds the aspect's columns to a kind that the aspect is of.
func (a *Aspect) Extend(m *Mechanism) {
	needs, ok := a.Of[m.Kind]
	if !ok {
		return
	}
	at := len(m.Columns)
	if id, ok := a.Behind[m.Kind]; ok {
		at = 1 + slices.IndexFunc(m.Columns, func(c schema.Column) bool { return c.ID == id })
	}
	columns := a.Columns(m.Kind, needs)
	m.Columns = slices.Insert(m.Columns, at, columns...)
	var onDemand []string
	for _, c := range columns {
		if slices.Contains(a.OnDemand, c.ID) {
			onDemand = append(onDemand, c.ID)
		}
	}
	if a.First {
		m.OnDemand = append(onDemand, m.OnDemand...)
	} else {
		m.OnDemand = append(m.OnDemand, onDemand...)
	}
	// Who holds an object stands last: that cell is the longest.
	last := len(m.Default)
	if last > 0 && m.Default[last-1] == "holders" {
		last--
	}
	m.Default = slices.Insert(m.Default, last, a.Default[m.Kind]...)
}
