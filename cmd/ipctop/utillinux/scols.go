package utillinux

import (
	"strings"
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// Tables in the output modes of lsipc, as libsmartcols prints them.

// outMode is the output format of a table.
type outMode int

const (
	outTable outMode = iota
	outExport
	outNewline
	outRaw
	outJSON
	outPretty // one object, with one line for each column
	outList   // a table, even for one object
)

// scolumn is a column of a table.
type scolumn struct {
	name  string
	right bool
	trunc bool // may be cut if the terminal is too narrow
}

// cell is a text, or unset. JSON writes null for an unset cell, and for an empty text too.
type cell struct {
	text string
	set  bool
}

func textCell(text string) cell { return cell{text, true} }

// table is a table to print.
type table struct {
	name       string
	columns    []scolumn
	rows       [][]cell
	mode       outMode
	noHeadings bool
	shell      bool // write column names that a shell accepts as names of variables: USE_PCT
	utf8       bool // the locale's characters are UTF-8
	width      int  // of the terminal, in columns; 0: no terminal, and no text is cut
}

// render gives the table's text.
func (t *table) render() string {
	var b strings.Builder
	switch {
	case t.mode == outJSON:
		t.json(&b)
	case len(t.rows) == 0: // no headings either
	case t.mode == outRaw:
		t.raw(&b)
	case t.mode == outExport:
		t.export(&b, " ")
	case t.mode == outNewline:
		t.export(&b, "\n")
	default:
		t.aligned(&b)
	}
	return b.String()
}

// title gives a column's name as this run prints it.
func (t *table) title(c *scolumn) string {
	if t.shell {
		return shellName(c.name)
	}
	return c.name
}

// shellName makes a name that a shell accepts for a variable. A percent sign at the end becomes _PCT. Every other
// character that is no letter and no digit becomes an underscore.
func shellName(name string) string {
	var b strings.Builder
	for i := range len(name) {
		switch c := name[i]; {
		case c == '%' && i == len(name)-1:
			b.WriteString("_PCT")
		case c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z':
			b.WriteByte(c)
		default:
			b.WriteByte('_')
		}
	}
	return b.String()
}

func (t *table) raw(b *strings.Builder) {
	line := func(text func(i int) string) {
		for i := range t.columns {
			if i > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(nonBlank(text(i)))
		}
		b.WriteByte('\n')
	}
	if !t.noHeadings {
		line(func(i int) string { return t.title(&t.columns[i]) })
	}
	for _, r := range t.rows {
		line(func(i int) string { return r[i].text })
	}
}

func (t *table) export(b *strings.Builder, between string) {
	for _, r := range t.rows {
		for i := range t.columns {
			if i > 0 {
				b.WriteString(between)
			}
			b.WriteString(t.title(&t.columns[i]) + `="` + escaped(r[i].text, func(c byte) bool {
				return strings.IndexByte("\"\\`$", c) < 0 && printable(c)
			}) + `"`)
		}
		b.WriteByte('\n')
	}
}

func (t *table) json(b *strings.Builder) {
	b.WriteString("{\n   \"" + jsonText(t.name) + "\": [\n")
	for n, r := range t.rows {
		if n == 0 {
			b.WriteString("      {\n")
		}
		for i := range t.columns {
			b.WriteString(`         "` + strings.ToLower(jsonText(t.title(&t.columns[i]))) + `": `)
			if r[i].text == "" {
				b.WriteString("null")
			} else {
				b.WriteString(`"` + jsonText(r[i].text) + `"`)
			}
			if i < len(t.columns)-1 {
				b.WriteByte(',')
			}
			b.WriteByte('\n')
		}
		if n < len(t.rows)-1 {
			b.WriteString("      },{\n")
		} else {
			b.WriteString("      }")
		}
	}
	b.WriteString("\n   ]\n}\n")
}

// aligned prints aligned columns. It adds no blanks after the last column.
func (t *table) aligned(b *strings.Builder) {
	widths, cells := t.measure()
	for n := range cells {
		if n == 0 && t.noHeadings {
			continue
		}
		for i := range t.columns {
			if i > 0 {
				b.WriteByte(' ')
			}
			text, wide := cells[n][i], 0
			if wide = t.displayWidth(text); wide > widths[i] && t.columns[i].trunc {
				text = t.cut(text, widths[i])
				wide = t.displayWidth(text)
			}
			last := i == len(t.columns)-1
			pad := strings.Repeat(" ", max(widths[i]-wide, 0))
			switch {
			case last && text == "":
			case t.columns[i].right:
				b.WriteString(pad + text)
			case last:
				b.WriteString(text)
			default:
				b.WriteString(text + pad)
			}
		}
		b.WriteByte('\n')
	}
}

// measure gives the widths of the columns, and the safe texts of all cells. The first line of cells has the headings.
func (t *table) measure() (widths []int, cells [][]string) {
	widths = make([]int, len(t.columns))
	head := make([]string, len(t.columns))
	for i := range t.columns {
		head[i] = t.title(&t.columns[i])
		widths[i] = t.displayWidth(t.columns[i].name) // not of the heading: libsmartcols does the same
	}
	cells = append(cells, head)
	for _, r := range t.rows {
		line := make([]string, len(t.columns))
		for i := range t.columns {
			line[i] = t.safe(r[i].text)
			widths[i] = max(widths[i], t.displayWidth(line[i]))
		}
		cells = append(cells, line)
	}
	if t.width > 0 {
		t.narrow(widths)
	}
	return widths, cells
}

// narrow makes the columns that may be cut narrower, one cell after another, until the table fits the terminal.
func (t *table) narrow(widths []int) {
	over := len(widths) - 1 - t.width
	for _, w := range widths {
		over += w
	}
	for less := true; less && over > 0; {
		less = false
		for i := range t.columns {
			if over > 0 && t.columns[i].trunc && widths[i] > t.displayWidth(t.columns[i].name) {
				widths[i]--
				over--
				less = true
			}
		}
	}
}

// displayWidth gives the number of columns that a safe text takes on a terminal.
func (t *table) displayWidth(text string) int {
	if !t.utf8 {
		return len(text)
	}
	return uniseg.StringWidth(text)
}

// cut gives the part of a text that fits the width.
func (t *table) cut(text string, width int) string {
	if !t.utf8 {
		return text[:width]
	}
	end, used := 0, 0
	for i, r := range text {
		w := uniseg.StringWidth(string(r))
		if used+w > width {
			break
		}
		used, end = used+w, i+utf8.RuneLen(r)
	}
	return text[:end]
}
