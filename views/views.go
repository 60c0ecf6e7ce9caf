// Package views describes views. A view has a family of mechanisms and their columns. The package also writes, filters
// and sorts Values. views/once and views/tui do the drawing.
package views

import (
	"math"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
)

// View is a family of kinds on one screen, or the view of leaks: objects of several families by verdict.
type View struct {
	Family     schema.Family
	Mechanisms []*kinds.Mechanism
	leaks      bool
}

// Title is the title of a tab: "Queues".
func (v View) Title() string { return strings.ToUpper(string(v.Family[:1])) + string(v.Family[1:]) }

// All lists the families, in the order of collect.Mechanisms.
func All() []View {
	var all []View
	for _, m := range collect.Mechanisms() {
		i := slices.IndexFunc(all, func(v View) bool { return v.Family == m.Family })
		if i < 0 {
			all = append(all, View{Family: m.Family})
			i = len(all) - 1
		}
		all[i].Mechanisms = append(all[i].Mechanisms, m)
	}
	return all
}

// Tabs lists the views of the dashboard: all families, and the view of leaks.
func Tabs() []View { return append(All(), Leaks()) }

// Columns returns the IDs of a kind's default columns in the view.
func (v View) Columns(m *kinds.Mechanism) []string {
	if !v.leaks {
		return withVerdict(m)
	}
	var ids []string
	for _, c := range LeakColumns(m) {
		if c.ID != "path" { // the Ref has the path
			ids = append(ids, c.ID)
		}
	}
	return ids
}

// Lists is true if the view lists this object. For example, only a socket with a name in the file system can be left
// over.
func (v View) Lists(m *kinds.Mechanism, o *schema.Object) bool {
	return !v.leaks || VerdictOf(m, o) != ""
}

// Background is true if the view hides this object by default; see Hidden.
func (v View) Background(m *kinds.Mechanism, o *schema.Object) bool {
	if v.leaks {
		return Unjudged(m, o) || VerdictOf(m, o) == relate.Live
	}
	return m.Background != nil && m.Background(o)
}

// Hidden describes the objects that Background hides; "" means none.
func (v View) Hidden() string {
	if v.leaks {
		return "objects in use"
	}
	for _, m := range v.Mechanisms {
		if m.Hidden != "" {
			return m.Hidden
		}
	}
	return ""
}

// Sentence is the ID of the column with the reason why an object is listed; "" means none.
func (v View) Sentence() string {
	if v.leaks {
		return "reasons"
	}
	return ""
}

// Alarm is true if a person should look at this object.
func (v View) Alarm(o *schema.Object) bool {
	for _, m := range v.Mechanisms {
		if m.Kind == o.Ref.Kind {
			return v.leaks && VerdictOf(m, o) == relate.Orphan || m.Alarm != nil && m.Alarm(o)
		}
	}
	return false
}

// Order sorts the objects in the default order: the collector's order, or for leaks by verdict.
func (v View) Order(objects []*schema.Object) {
	if v.leaks {
		for i, l := range v.judged(objects) {
			objects[i] = l.Object
		}
	}
}

// Select returns the mechanisms that the words name, in the order of collect.Mechanisms. A word is a kind or a family.
// No word means all mechanisms. The error names a wrong word and the nearest right word.
func Select(words []string) ([]*kinds.Mechanism, error) {
	all := collect.Mechanisms()
	if len(words) == 0 {
		return all, nil
	}
	var names []string
	for _, m := range all {
		names = append(names, string(m.Kind), string(m.Family))
	}
	for _, w := range words {
		if !slices.Contains(names, w) {
			return nil, unknown("kind or family", w, names)
		}
	}
	return slices.DeleteFunc(all, func(m *kinds.Mechanism) bool {
		return !slices.Contains(words, string(m.Kind)) && !slices.Contains(words, string(m.Family))
	}), nil
}

// KnownKind is true if some mechanism has this kind.
func KnownKind(k schema.Kind) bool { return collect.MechanismOf(k) != nil }

// UsageError is a mistake in a person's input. Its text is one line: the mistake, and what to do.
type UsageError struct{ Says string }

func (e *UsageError) Error() string { return e.Says }

func unknown(what, word string, candidates []string) *UsageError {
	return &UsageError{"unknown " + what + " " + quote(word) + ": did you mean " + Nearest(word, candidates) + "?"}
}

func quote(s string) string { return `"` + Visible(s) + `"` }

// Nearest returns the candidate that the word most likely means; "" only without candidates. A candidate that starts
// with the word is near.
func Nearest(word string, candidates []string) string {
	best, distance := "", math.MaxInt
	for _, c := range candidates {
		d := levenshtein.ComputeDistance(strings.ToLower(word), c)
		if strings.HasPrefix(c, strings.ToLower(word)) && word != "" {
			d = min(d, 1)
		}
		if d < distance {
			best, distance = c, d
		}
	}
	return best
}
