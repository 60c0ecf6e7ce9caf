package once

import (
	"bufio"
	"fmt"
	"slices"
	"strings"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/leaks"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/views"
)

// Orphans are the orphans that a clean-up takes.
type Orphans struct {
	snap     *collect.Snapshot
	sections []Section
	rows     []views.Leak
	format   views.Format
}

// OrphansIn lists the orphans among the rows of the sections for which keep is true, the largest first.
func OrphansIn(s *collect.Snapshot, sections []Section, f views.Format, keep func(*views.Leak) bool) *Orphans {
	rows := slices.DeleteFunc(leakRows(sections),
		func(r views.Leak) bool { return r.Verdict != relate.Orphan || !keep(&r) })
	return &Orphans{s, sections, rows, f}
}

// Only keeps the orphans with one of these Refs.
func (o *Orphans) Only(refs []schema.Ref) *Orphans {
	in := make(map[schema.Ref]bool, len(refs))
	for _, r := range refs {
		in[r] = true
	}
	cut := *o
	cut.rows = slices.DeleteFunc(slices.Clone(o.rows), func(r views.Leak) bool { return !in[r.Object.Ref] })
	return &cut
}

// Refs lists the Refs of the orphans.
func (o *Orphans) Refs() []schema.Ref {
	refs := make([]schema.Ref, len(o.rows))
	for i, r := range o.rows {
		refs[i] = r.Object.Ref
	}
	return refs
}

// Gain tells what the removal frees: "56M of memory, 1 of 4096 segments (kernel.shmmni)"; "": nothing that is counted.
func (o *Orphans) Gain() string { return gainOf(o.snap, o.rows, o.format) }

// LookedAt counts the objects of each kind among which the orphans were looked for: "12 sem, 5 shm".
func (o *Orphans) LookedAt() string {
	var parts []string
	for _, section := range o.sections {
		if n := len(o.snap.Objects[section.Mechanism.Kind]); n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, section.Mechanism.Kind))
		}
	}
	if len(parts) == 0 {
		return "no object"
	}
	return strings.Join(parts, ", ")
}

// Suspects counts the objects that may be left behind, but are no orphans.
func (o *Orphans) Suspects() (n int) {
	for _, section := range o.sections {
		for _, object := range o.snap.Objects[section.Mechanism.Kind] {
			if j := leaks.VerdictOf(object); j != nil && j.Verdict == relate.Suspect {
				n++
			}
		}
	}
	return n
}

// Sums returns the lines of the table of --by. by is one of SumColumns.
func (o *Orphans) Sums(by string) []string {
	return written(func(w *bufio.Writer) {
		writeSums(w, o.rows, o.sections, Options{By: by, Format: o.format})
	})
}

// foldNames are the columns whose cells the orphans of an entry share, besides the kind.
func foldNames() []string { return append(foldColumns(), "container") }

// Folded returns the orphans as text: an entry for each kind, owner, application and container, with the number, the
// bytes, the ages and the first Refs.
func (o *Orphans) Folded() []string {
	groups := map[string][]int{}
	var order []string
	for i, r := range o.rows {
		key := o.shared(r)
		if groups[key] == nil {
			order = append(order, key)
		}
		groups[key] = append(groups[key], i)
	}
	return written(func(w *bufio.Writer) {
		for _, key := range order {
			group := groups[key]
			fmt.Fprintf(w, "%d %s%s\n", len(group), key, spansOf(group, o.rows, o.sections, Options{Format: o.format}))
			writeRefs(w, group, o.rows)
		}
	})
}

// shared is the text of the cells that the orphans of an entry share: "sem  owner apache".
func (o *Orphans) shared(r views.Leak) string {
	text := string(r.Object.Ref.Kind)
	for _, id := range foldNames() {
		if v, ok := cellOf(r, o.sections, id); ok {
			if cell := views.Text(v, o.format); cell != "" {
				text += "  " + id + " " + cell
			}
		}
	}
	return text
}

// written returns what write writes, as lines.
func written(write func(*bufio.Writer)) []string {
	var b strings.Builder
	w := bufio.NewWriter(&b)
	write(w)
	w.Flush()
	return strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
}
