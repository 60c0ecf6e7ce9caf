package once

import (
	"bufio"
	"bytes"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/views"
)

// csvTable writes one table (RFC 4180) for all kinds. It has each column of any kind once; ref tells the kind. Sizes
// are bytes, durations are seconds, times are RFC 3339. See appendCSVCell for texts.
type csvTable struct {
	w      *bufio.Writer
	format views.Format
	ids    []string // of the columns
	plain  bool     // no headings
	line   []byte
	err    error
}

func newCSVTable(w *bufio.Writer, sections []Section, o Options) *csvTable {
	t := &csvTable{w: w, format: o.Format, plain: o.NoHeadings}
	t.format.Bytes = true
	for _, s := range sections {
		for _, c := range s.Columns {
			if !slices.Contains(t.ids, c.ID) {
				t.ids = append(t.ids, c.ID)
			}
		}
	}
	return t
}

func (t *csvTable) begin(*collect.Snapshot) {
	if !t.plain {
		_, t.err = t.w.WriteString(strings.Join(t.ids, ",") + "\n")
	}
}

func (t *csvTable) section(s *Section) {
	at := make([]int, len(t.ids))
	for n, id := range t.ids {
		at[n] = slices.IndexFunc(s.Columns, func(c schema.Column) bool { return c.ID == id })
	}
	for _, object := range s.Rows {
		if t.err != nil {
			return
		}
		t.line = t.line[:0]
		for n, column := range at {
			if n > 0 {
				t.line = append(t.line, ',')
			}
			if column >= 0 {
				t.line = appendCSVCell(t.line, s.Columns[column].Get(object), t.format)
			}
		}
		t.line = append(t.line, '\n')
		_, t.err = t.w.Write(t.line)
	}
}

func (t *csvTable) edge(*schema.Edge) {}

func (t *csvTable) end(*collect.Snapshot) {}

func (t *csvTable) failed() error { return t.err }

// appendCSVCell appends the text of a cell as a field. A spreadsheet computes a text that begins with =, +, - or @,
// even in quotes; an apostrophe in front keeps it a text (OWASP, CSV Injection). Control characters are visible escapes
// already.
func appendCSVCell(line []byte, v schema.Value, f views.Format) []byte {
	begin := len(line)
	line = views.AppendCell(line, v, f)
	switch v.Type() {
	case schema.TypeString, schema.TypeList:
		if v.IsKnown() && startsFormula(line[begin:]) {
			line = slices.Insert(line, begin, '\'')
		}
	}
	return endCSVField(line, begin)
}

// startsFormula is true for a text that some spreadsheet takes for a formula. Japanese ones also take the wide signs.
func startsFormula(text []byte) bool {
	r, _ := utf8.DecodeRune(bytes.TrimLeft(text, " "))
	return strings.ContainsRune("=+-@\uff1d\uff0b\uff0d\uff20", r)
}

// endCSVField puts the field that begins at begin into quotes if a reader needs them. The rules are those of
// encoding/csv.
func endCSVField(line []byte, begin int) []byte {
	field := line[begin:]
	first, _ := utf8.DecodeRune(field)
	if len(field) == 0 || !unicode.IsSpace(first) && !bytes.ContainsAny(field, "\",\r\n") && string(field) != `\.` {
		return line
	}
	quoted := `"` + strings.ReplaceAll(string(field), `"`, `""`) + `"`
	return append(line[:begin], quoted...)
}
