package once

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/rivo/uniseg"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/views"
)

// findingsWidth is the length of a line, in characters.
const findingsWidth = 80

// WriteFindings writes a snapshot's findings as text, in their order. Each finding is a severity and a sentence, then
// indented evidence and advice. Similar findings are counted after the first. The end counts the findings and tells
// what was checked and what could not be seen. Errors come from w.
func WriteFindings(w io.Writer, s *collect.Snapshot, checked []string) error {
	b := bufio.NewWriter(w)
	writeFindings(b, s.Findings)
	wrap(b, "", "", summary(s)+" Checked: "+strings.Join(checked, ", ")+".")
	for _, f := range s.Faults {
		wrap(b, "Not seen: ", "  ", f.Source+": "+f.Says)
	}
	for _, n := range s.Notes {
		wrap(b, "Note: ", "  ", n)
	}
	return b.Flush()
}

// writeFindings writes the first of similar findings in full, and counts the others.
func writeFindings(b *bufio.Writer, all []schema.Finding) {
	others := map[string][]string{}
	for i := range all {
		if f := &all[i]; f.Alike != "" && len(f.Refs) > 0 {
			others[f.Alike] = append(others[f.Alike], f.Refs[0].String())
		}
	}
	for i := range all {
		f := &all[i]
		if f.Alike == "" || len(f.Refs) == 0 {
			writeFinding(b, f, nil)
		} else if refs, first := others[f.Alike]; first {
			delete(others, f.Alike)
			writeFinding(b, f, refs[1:])
		}
	}
}

// othersMost is the most similar findings to name.
const othersMost = 8

func writeFinding(b *bufio.Writer, f *schema.Finding, others []string) {
	wrap(b, strings.ToUpper(string(f.Severity))+": ", "  ", f.Says) // an uncertain finding says so in its text
	for _, e := range f.Evidence {
		wrap(b, "  - ", "    ", e)
	}
	if f.Advice != "" {
		wrap(b, "  To do: ", "    ", f.Advice)
	}
	if n := len(others); n > 0 {
		named := strings.Join(others[:min(n, othersMost)], ", ")
		if n > othersMost {
			named += ", …"
		}
		wrap(b, "  ", "    ", fmt.Sprintf("And %d more like it, with %s: `-o json` tells of each.", n, named))
	}
	b.WriteByte('\n')
}

// summary never says that all is well if something could not be seen.
func summary(s *collect.Snapshot) string {
	found, blind := len(s.Findings) > 0, len(s.Faults) > 0
	switch {
	case found && blind:
		return countSeverities(s.Findings) + ". There may be more in what could not be looked into, below."
	case found:
		return countSeverities(s.Findings) + "."
	case blind:
		return "Nothing found in what could be looked into; what could not is below."
	}
	return "Nothing found."
}

// countSeverities returns "1 critical, 2 warnings, 1 note".
func countSeverities(findings []schema.Finding) string {
	var words []string
	for _, severity := range []struct {
		is        schema.Severity
		one, many string
	}{{schema.Critical, "critical", "critical"}, {schema.Warning, "warning", "warnings"},
		{schema.Info, "note", "notes"}} {
		n := 0
		for _, f := range findings {
			if f.Severity == severity.is {
				n++
			}
		}
		if n > 0 {
			words = append(words, fmt.Sprintf("%d %s", n, schema.Plural(n, severity.one, severity.many)))
		}
	}
	return strings.Join(words, ", ")
}

// wrap writes text in lines that break between words. The first line starts with first, the others with rest. A word
// longer than a line stays whole, for example a path. `A command` in backquotes stays whole too: a person may want to
// copy it.
func wrap(w *bufio.Writer, first, rest, text string) {
	line := first
	for i, word := range words(views.Visible(text)) {
		switch {
		case i == 0:
			line += word
		case uniseg.StringWidth(line)+1+uniseg.StringWidth(word) > findingsWidth:
			w.WriteString(line + "\n")
			line = rest + word
		default:
			line += " " + word
		}
	}
	w.WriteString(line + "\n")
}

// words cuts text at blanks, but not between a pair of backquotes.
func words(text string) []string {
	var all []string
	begin := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '`':
			if n := strings.IndexByte(text[i+1:], '`'); n >= 0 {
				i += n + 1
			}
		case ' ':
			if i > begin {
				all = append(all, text[begin:i])
			}
			begin = i + 1
		}
	}
	if begin < len(text) {
		all = append(all, text[begin:])
	}
	return all
}
