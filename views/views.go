// Package views says what a view is: a family of mechanisms, the columns shown of them, and how Values are
// written, filtered and sorted. It draws nothing: views/once and views/tui do.
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

// View is a family of kinds that a person looks at together, or the objects of several families by verdict.
type View struct {
	Family     schema.Family
	Mechanisms []*kinds.Mechanism
	leaks      bool
}

// Title is the family's name for a tab: "Queues".
func (v View) Title() string { return strings.ToUpper(string(v.Family[:1])) + string(v.Family[1:]) }

// All lists the families in the order of collect.Mechanisms.
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

// Tabs are the views of the dashboard: all families, and the view of leaks.
func Tabs() []View { return append(All(), Leaks()) }

// Columns are the IDs of those that a table shows of a kind unless told otherwise.
func (v View) Columns(m *kinds.Mechanism) []string {
	if !v.leaks {
		return withVerdict(m)
	}
	var ids []string
	for _, c := range LeakColumns(m) {
		if c.ID != "path" { // The reference has it.
			ids = append(ids, c.ID)
		}
	}
	return ids
}

// Lists says whether an object is one of the view's at all: not every socket has a name that could be left over.
func (v View) Lists(m *kinds.Mechanism, o *schema.Object) bool {
	return !v.leaks || VerdictOf(m, o) != ""
}

// Background says whether an object is hidden unless it is asked for, as Hidden tells.
func (v View) Background(m *kinds.Mechanism, o *schema.Object) bool {
	if v.leaks {
		return Unjudged(m, o) || VerdictOf(m, o) == relate.Live
	}
	return m.Background != nil && m.Background(o)
}

// Hidden says in words what Background hides; "": nothing.
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

// Sentence is the ID of the column that says why an object is listed, in sentences; "": none does.
func (v View) Sentence() string {
	if v.leaks {
		return "reasons"
	}
	return ""
}

// Alarm says whether an object is one that a person should look at.
func (v View) Alarm(o *schema.Object) bool {
	for _, m := range v.Mechanisms {
		if m.Kind == o.Ref.Kind {
			return v.leaks && VerdictOf(m, o) == relate.Orphan || m.Alarm != nil && m.Alarm(o)
		}
	}
	return false
}

// Order is that of the rows where none was asked for: the collector's, or for leaks by verdict.
func (v View) Order(objects []*schema.Object) {
	if v.leaks {
		for i, l := range v.judged(objects) {
			objects[i] = l.Object
		}
	}
}

// Select gives the mechanisms that the words name, each a kind or a family, in the order of collect.Mechanisms. No
// word: all of them. The error names the word and the nearest right one.
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

// KnownKind says whether a mechanism of that kind exists.
func KnownKind(k schema.Kind) bool {
	return slices.ContainsFunc(collect.Mechanisms(), func(m *kinds.Mechanism) bool { return m.Kind == k })
}

// UsageError is a mistake in what a person typed. Its text is one line that says what is wrong and what to do.
type UsageError struct{ Says string }

func (e *UsageError) Error() string { return e.Says }

func unknown(what, word string, candidates []string) *UsageError {
	return &UsageError{"unknown " + what + " " + quote(word) + ": did you mean " + Nearest(word, candidates) + "?"}
}

func quote(s string) string { return `"` + Visible(s) + `"` }

// Nearest gives the candidate that the word most likely meant; "" only if there are none. A candidate that the word
// begins is near.
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
