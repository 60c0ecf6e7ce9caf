package once

import (
	"strconv"
	"strings"

	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/views"
)

// Removal holds the choices of a look at leaks. A command of ipctop rm with the same choices finds the same orphans.
type Removal struct {
	Grace         string        // text of --grace; "": the usual grace time
	AllNamespaces bool          // -A
	Kinds         []schema.Kind // nil: every kind with a verdict
	Where         string        // the person's own --where; "": none
}

// command returns the command that removes the orphans of the look for which all conditions hold.
func (r *Removal) command(conditions ...string) string {
	all := append([]string{`verdict == "orphan"`}, conditions...)
	var kinds []string
	for _, k := range r.Kinds {
		kinds = append(kinds, strconv.Quote(string(k)))
	}
	switch {
	case len(kinds) == 0 || len(conditions) > 0: // the conditions name the kind
	case len(kinds) == 1:
		all = append(all, "kind == "+kinds[0])
	default:
		all = append(all, "kind in ["+strings.Join(kinds, ", ")+"]")
	}
	if r.Where != "" {
		all = append(all, "("+r.Where+")")
	}
	words := "ipctop rm --where " + schema.ShellQuote(strings.Join(all, " and "))
	if r.Grace != "" {
		words += " --grace " + schema.ShellQuote(r.Grace)
	}
	if r.AllNamespaces {
		words += " -A"
	}
	return words
}

// foldColumns are the columns whose cells the orphans of a fold share, besides the kind. The last is there with -A
// only.
func foldColumns() []string { return []string{"owner", "app", "ns"} }

// foldConditions returns the conditions of --where that hold for the orphans of a fold only. ok is false if a cell is
// unknown: then no condition can choose the object.
func foldConditions(l views.Leak, columns []schema.Column) (conditions []string, ok bool) {
	conditions = []string{"kind == " + strconv.Quote(string(l.Object.Ref.Kind))}
	for _, id := range foldColumns() {
		for i := range columns {
			if columns[i].ID != id {
				continue
			}
			switch v := columns[i].Get(l.Object); {
			case v.IsKnown() && v.Type() == schema.TypeString:
				conditions = append(conditions, id+" == "+strconv.Quote(v.Str()))
			case v.IsKnown():
				conditions = append(conditions, id+" == "+views.Text(v, views.Format{Bytes: true}))
			case v.State() != schema.Absent:
				return nil, false
			case columns[i].Type == schema.TypeString:
				conditions = append(conditions, id+` == ""`)
			}
		}
	}
	return conditions, true
}
