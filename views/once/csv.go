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

// writeCSV writes one table (RFC 4180) for all kinds. It has each column of any kind once; ref tells the kind. Sizes
// are bytes, durations are seconds, times are RFC 3339. See appendCSVCell for texts.
func writeCSV(w *bufio.Writer, _ *collect.Snapshot, sections []Section, o Options) error {
	o.Format.Bytes = true
	var ids []string
	for _, s := range sections {
		for _, c := range s.Columns {
			if !slices.Contains(ids, c.ID) {
				ids = append(ids, c.ID)
			}
		}
	}
	if !o.NoHeadings {
		if _, err := w.WriteString(strings.Join(ids, ",") + "\n"); err != nil {
			return err
		}
	}
	var line []byte
	for _, s := range sections {
		at := make([]int, len(ids))
		for n, id := range ids {
			at[n] = slices.IndexFunc(s.Columns, func(c schema.Column) bool { return c.ID == id })
		}
		for _, object := range s.Rows {
			line = line[:0]
			for n, column := range at {
				if n > 0 {
					line = append(line, ',')
				}
				if column >= 0 {
					line = appendCSVCell(line, s.Columns[column].Get(object), o.Format)
				}
			}
			if _, err := w.Write(append(line, '\n')); err != nil {
				return err
			}
		}
	}
	return nil
}

// appendCSVCell appends the text of a cell as a field. A spreadsheet computes a text that begins with =, +, - or @, even
// in quotes; an apostrophe in front keeps it a text (OWASP, CSV Injection). Control characters are visible escapes
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
