package once

import (
	"bufio"
	"fmt"
	"strconv"
	"strings"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/leaks"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/views"
)

// writeLeaks writes the view of leaks for people, by verdict. Each object has its facts, the reasons, and for an orphan
// the command that removes it. The end tells what the removal of the orphans would free.
func writeLeaks(w *bufio.Writer, s *collect.Snapshot, sections []Section, o Options) error {
	rows := leakRows(sections)
	if len(rows) == 0 {
		fmt.Fprintf(w, "Nothing to show: %s\n", lookedAt(s, sections))
	}
	verdict := relate.Leak("")
	alike := groupLeaks(rows, sections, o)
	for i, r := range rows {
		if r.Verdict != verdict && !o.NoHeadings {
			if verdict != "" {
				w.WriteByte('\n')
			}
			writeVerdict(w, rows, r.Verdict, o)
		}
		verdict = r.Verdict
		if group := alike[i]; len(group) > 0 {
			writeAlike(w, group, rows, sections)
		}
		if !alike.grouped(i) {
			writeLeak(w, r, columnsOf(sections, r.Object.Ref.Kind), o)
		}
	}
	writeGains(w, s, rows, o)
	return nil
}

// leakRows joins the rows of all kinds, sorted by verdict and then by the requested order.
func leakRows(sections []Section) []views.Leak {
	var rows []views.Leak
	var keys []views.SortKey
	for _, section := range sections {
		keys = section.Sort // all sections have the same keys
		for _, o := range section.Rows {
			rows = append(rows, views.Leak{Mechanism: section.Mechanism, Object: o,
				Verdict: views.VerdictOf(section.Mechanism, o), Bytes: views.LeakBytes(section.Mechanism, o)})
		}
	}
	views.SortLeaks(rows, keys)
	return rows
}

func columnsOf(sections []Section, kind schema.Kind) []schema.Column {
	for _, s := range sections {
		if s.Mechanism.Kind == kind {
			return s.Columns
		}
	}
	return nil
}

// meaning describes a verdict on n objects in a few words.
func meaning(v relate.Leak, n int) string {
	them := schema.Plural(n, "it", "them")
	switch v {
	case relate.Orphan:
		return fmt.Sprintf("nobody uses %[1]s, nobody known to have used %[1]s lives, and nobody is left who could know "+
			"%[1]s", them)
	case relate.Suspect:
		return fmt.Sprintf("nobody uses %[1]s, and nobody known to have used %[1]s lives; not all else is proven", them)
	case relate.Unknown:
		return "rights or sight are missing to tell"
	case relate.Idle:
		return fmt.Sprintf("nobody uses %[1]s, but somebody known to have used %[1]s lives", them)
	case relate.Protected:
		return "meant to be there unused"
	}
	return "in use"
}

func writeVerdict(w *bufio.Writer, rows []views.Leak, v relate.Leak, o Options) {
	n, bytes := 0, uint64(0)
	for _, r := range rows {
		if r.Verdict == v {
			n, bytes = n+1, bytes+r.Bytes
		}
	}
	objects := schema.Counted(n, "object")
	if bytes > 0 {
		objects += ", " + amount(bytes, o.Format)
	}
	fmt.Fprintf(w, "%s: %s: %s\n", strings.ToUpper(string(v)), objects, meaning(v, n))
}

// amount writes a size for a sentence: with "bytes" if the number has no unit.
func amount(n uint64, f views.Format) string {
	text := views.Text(schema.Bytes(n), f)
	if text == strconv.FormatUint(n, 10) {
		return text + " bytes"
	}
	return text
}

// writeLeak writes an object in one line, its reasons below, and the command that removes it.
func writeLeak(w *bufio.Writer, r views.Leak, columns []schema.Column, o Options) {
	w.WriteString("  " + views.Visible(r.Object.Ref.String()))
	var reasons []string
	for _, c := range columns {
		v := c.Get(r.Object)
		text := views.Text(v, o.Format)
		switch {
		case c.ID == "ref", c.ID == "verdict", text == "":
		case c.ID == "reasons":
			reasons = v.List()
		default:
			w.WriteString("  " + strings.ReplaceAll(c.ID, "_", " ") + " " + text)
		}
	}
	w.WriteByte('\n')
	for _, why := range reasons {
		w.WriteString("    - " + views.Visible(why) + "\n")
	}
	if r.Verdict == relate.Orphan {
		w.WriteString("    " + views.Visible(leaks.Removal(r.Object)) + "\n")
	}
}

// writeGains writes what the removal of the orphans would free.
func writeGains(w *bufio.Writer, s *collect.Snapshot, rows []views.Leak, o Options) {
	bytes, orphans := uint64(0), 0
	for _, r := range rows {
		if r.Verdict == relate.Orphan {
			bytes, orphans = bytes+r.Bytes, orphans+1
		}
	}
	if orphans == 0 || o.NoHeadings {
		return
	}
	var parts []string
	if bytes > 0 {
		parts = append(parts, amount(bytes, o.Format)+" of memory")
	}
	for _, g := range views.Gains(s, rows) {
		part := g.String()
		if g.Limit > 0 {
			part += " (" + g.Knob + ")"
		}
		parts = append(parts, part)
	}
	if len(parts) == 0 {
		return
	}
	fmt.Fprintf(w, "\nTo be won by removing the orphans: %s\n", strings.Join(parts, ", "))
}

// lookedAt counts the objects of each kind, and tells if something could not be seen.
func lookedAt(s *collect.Snapshot, sections []Section) string {
	var parts []string
	all := 0
	for _, section := range sections {
		n := len(s.Objects[section.Mechanism.Kind])
		all += n
		parts = append(parts, fmt.Sprintf("%d %s", n, section.Mechanism.Kind))
	}
	says := "looked at " + strings.Join(parts, ", ")
	if all > 0 && sections[0].Where == nil {
		says += ", which are all in use"
	}
	if len(s.Faults) > 0 {
		return says + "; what could not be seen is said on stderr"
	}
	return says
}
