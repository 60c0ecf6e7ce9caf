package kinds

import (
	"slices"

	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// Aspect is a judgement over objects of several kinds: their software, their leaks or their content. A kind holds
// only facts from the kernel and does not know the aspects. An Aspect is an immutable value.
type Aspect struct {
	Name string
	// Of lists the kinds of the aspect. Each has the needs of the judgement besides the needs of the kind's own rows.
	Of map[schema.Kind]schema.Need
	// Columns are the columns that the aspect adds to a kind, in the order of --list-columns and JSON. They read the
	// aspect's Note.
	Columns func(kind schema.Kind, needs schema.Need) []schema.Column
	// Behind names, for each kind, the column that comes just before the aspect's columns. Without an entry they come
	// last.
	Behind map[schema.Kind]string
	// Default lists the aspect's columns that tables of these kinds show by default.
	Default map[schema.Kind][]string
	// OnDemand lists columns that are read only if they are named or an object's page is open.
	OnDemand []string
	// First puts the OnDemand columns before the kind's own on an object's page.
	First bool
	// Costs names the needs that the aspect declares.
	Costs []schema.Cost
	// Requires lists the kinds whose objects the aspect gets from Tick.Objects.
	Requires []schema.Kind

	// Adds lists objects that exist only for this aspect. They come after the kind's own objects. nil: none.
	Adds func(f *proc.Tick, kind schema.Kind, objects []*schema.Object) []*schema.Object
	// Fill puts the aspect's Note on the objects, as far as the Tick's Needs ask for it.
	Fill func(f *proc.Tick, kind schema.Kind, needs schema.Need, objects []*schema.Object)
	// Diagnose returns the findings of the aspect. nil: none.
	Diagnose func(f *proc.Tick, kind schema.Kind, objects []*schema.Object) []schema.Finding
}

// Extend adds the aspect's columns to a kind, if the kind is in Of.
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
	// The holders of an object come last: that cell is the longest.
	last := len(m.Default)
	if last > 0 && m.Default[last-1] == "holders" {
		last--
	}
	m.Default = slices.Insert(m.Default, last, a.Default[m.Kind]...)
}
