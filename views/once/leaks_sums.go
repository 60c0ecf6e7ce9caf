package once

import (
	"bufio"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rivo/uniseg"

	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/views"
)

// SumColumns lists the columns by which the view of leaks adds up objects (--by).
func SumColumns() []string { return []string{"owner", "app", "container"} }

// leakSum adds up the objects with one cell of a column.
type leakSum struct {
	name  string // text of the cell; "-": the object has none
	count map[relate.Leak]int
	bytes uint64 // of the orphans
}

func (s *leakSum) all() (n int) {
	for _, c := range s.count {
		n += c
	}
	return n
}

// sumLeaks adds up rows by a column: the most orphans first, then the most objects.
func sumLeaks(rows []views.Leak, sections []Section, id string, f views.Format) []*leakSum {
	byName := map[string]*leakSum{}
	for _, r := range rows {
		name := "-"
		if v, ok := cellOf(r, sections, id); ok {
			name = views.Text(v, f)
		}
		s := byName[name]
		if s == nil {
			s = &leakSum{name: name, count: map[relate.Leak]int{}}
			byName[name] = s
		}
		s.count[r.Verdict]++
		if r.Verdict == relate.Orphan {
			s.bytes += r.Bytes
		}
	}
	return slices.SortedFunc(maps.Values(byName), func(a, b *leakSum) int {
		return cmp.Or(cmp.Compare(b.count[relate.Orphan], a.count[relate.Orphan]), cmp.Compare(b.all(), a.all()),
			cmp.Compare(a.name, b.name))
	})
}

// writeSums writes the table of --by: a line for each cell of the column, with the number of objects of each verdict.
func writeSums(w *bufio.Writer, rows []views.Leak, sections []Section, o Options) {
	head := []string{strings.ToUpper(o.By)}
	var verdicts []relate.Leak
	for _, v := range relate.Leaks() {
		if slices.ContainsFunc(rows, func(r views.Leak) bool { return r.Verdict == v }) {
			verdicts = append(verdicts, v)
			head = append(head, strings.ToUpper(string(v)))
		}
	}
	lines := [][]string{append(head, "ORPHANS' BYTES")}
	if o.NoHeadings {
		lines = nil
	}
	for _, s := range sumLeaks(rows, sections, o.By, o.Format) {
		line := []string{s.name}
		for _, v := range verdicts {
			line = append(line, fmt.Sprint(s.count[v]))
		}
		lines = append(lines, append(line, views.Text(schema.Bytes(s.bytes), o.Format)))
	}
	writeAligned(w, lines)
}

// writeAligned writes columns of text: the first to the left, the others to the right.
func writeAligned(w *bufio.Writer, lines [][]string) {
	var widths []int
	for _, line := range lines {
		for i, cell := range line {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], uniseg.StringWidth(cell))
		}
	}
	for _, line := range lines {
		for i, cell := range line {
			pad := strings.Repeat(" ", widths[i]-uniseg.StringWidth(cell))
			if i == 0 {
				w.WriteString(cell + pad)
			} else {
				w.WriteString("  " + pad + cell)
			}
		}
		w.WriteByte('\n')
	}
}

// manyLeaks is the number of objects of one verdict from which their owners and applications are added up.
const manyLeaks = 10

// writeOwners writes a line that adds up the objects of a verdict by the columns of --by.
func writeOwners(w *bufio.Writer, rows []views.Leak, sections []Section, o Options) {
	if len(rows) < manyLeaks {
		return
	}
	var parts []string
	for _, id := range SumColumns() {
		sums := sumLeaks(rows, sections, id, o.Format)
		if len(sums) == 1 && sums[0].name == "-" {
			continue
		}
		parts = append(parts, "by "+id+": "+countNames(sums))
	}
	if len(parts) > 0 {
		w.WriteString("  " + strings.Join(parts, "; ") + "\n")
	}
}

// countNames writes the first sums as text: "root 3, postgres 2, and 4 more".
func countNames(sums []*leakSum) string {
	const most = 5
	var named []string
	for _, s := range sums[:min(len(sums), most)] {
		named = append(named, fmt.Sprintf("%s %d", s.name, s.all()))
	}
	if more := len(sums) - most; more > 0 {
		named = append(named, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(named, ", ")
}
