package once

import (
	"bufio"
	"strings"

	"github.com/rivo/uniseg"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/views"
)

// writeTables writes one table per kind. If there is only one, the requested findings stand before it. Before each of
// several tables stand a blank line and a line "# kind: title". For awk, only the last cell of a line may hold a blank,
// and no cell is empty.
func writeTables(w *bufio.Writer, snap *collect.Snapshot, sections []Section, o Options) error {
	if !o.NoHeadings && len(sections) == 1 {
		writeFindings(w, snap.Findings)
	}
	for i, s := range sections {
		if len(sections) > 1 && !o.NoHeadings {
			title(w, i, s.Mechanism)
		}
		var rows [][]string
		right := make([]bool, len(s.Columns))
		heading := make([]string, len(s.Columns))
		for n := range s.Columns {
			heading[n], right[n] = s.Columns[n].Heading(), s.Columns[n].Type.Numeric()
		}
		if !o.NoHeadings {
			rows = append(rows, heading)
		}
		var branches []string
		if s.DrawsTree() {
			branches = views.Branches(s.Mechanism, snap, s.Rows)
		}
		for i, object := range s.Rows {
			cells := make([]string, len(s.Columns))
			for n := range s.Columns {
				cells[n] = views.Text(s.Columns[n].Get(object), o.Format)
			}
			if branches != nil {
				cells[len(cells)-1] = branches[i] + cells[len(cells)-1]
			}
			rows = append(rows, cells)
		}
		var after func(row int)
		if s.Below != nil {
			after = func(row int) { writeBelow(w, &s, row-(len(rows)-len(s.Rows))) }
		}
		if err := align(w, rows, right, after); err != nil {
			return err
		}
	}
	return nil
}

// writeBelow writes the list below a row, each word on a line of its own.
func writeBelow(w *bufio.Writer, s *Section, row int) {
	if row < 0 {
		return
	}
	for _, line := range s.Below.Get(s.Rows[row]).List() {
		w.WriteString("    " + views.Visible(line) + "\n")
	}
}

func title(w *bufio.Writer, i int, m *kinds.Mechanism) {
	if i > 0 {
		w.WriteByte('\n')
	}
	w.WriteString("# " + string(m.Kind) + ": " + m.Title + "\n")
}

// Align writes rows of cells in columns, two blanks apart. Every line gets the same number of fields: a blank inside a
// cell becomes \x20, except in the last cell, and an empty cell becomes "-".
func Align(w *bufio.Writer, rows [][]string, right []bool) error { return align(w, rows, right, nil) }

// align is Align, and calls after behind each row.
func align(w *bufio.Writer, rows [][]string, right []bool, after func(row int)) error {
	widths := make([]int, len(right))
	for _, cells := range rows {
		for n, text := range cells {
			if text == "" {
				text = "-"
			}
			if n < len(cells)-1 {
				text = strings.ReplaceAll(text, " ", `\x20`)
			}
			cells[n] = text
			widths[n] = max(widths[n], uniseg.StringWidth(text))
		}
	}
	for row, cells := range rows {
		for n, text := range cells {
			pad := widths[n] - uniseg.StringWidth(text)
			if right[n] {
				spaces(w, pad)
				pad = 0
			}
			w.WriteString(text)
			if n < len(cells)-1 {
				spaces(w, pad+2)
			}
		}
		if err := w.WriteByte('\n'); err != nil {
			return err
		}
		if after != nil {
			after(row)
		}
	}
	return nil
}

func spaces(w *bufio.Writer, n int) {
	for range n {
		w.WriteByte(' ')
	}
}
