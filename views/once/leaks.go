package once

import (
	"bufio"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/leaks"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/views"
)

// writeLeaks writes the view of leaks for people, by verdict. Each object has its facts, the reasons, and for an orphan
// the command that removes it. Alike objects are written together. The end tells what the removal of the orphans would
// free, and the command that removes all of them. For an ordinary user, his own objects come first.
func writeLeaks(w *bufio.Writer, s *collect.Snapshot, sections []Section, o Options) error {
	rows := leakRows(sections)
	if len(rows) == 0 {
		fmt.Fprintf(w, "Nothing to show: %s\n", lookedAt(s, sections))
	}
	if o.By != "" {
		writeSums(w, rows, sections, o)
		return nil
	}
	o.orphans = slices.DeleteFunc(slices.Clone(rows), func(r views.Leak) bool { return r.Verdict != relate.Orphan })
	own, others, unjudged := o.split(rows)
	writeVerdicts(w, own, "", sections, o)
	if len(own) > 0 && len(others)+len(unjudged) > 0 {
		w.WriteByte('\n')
	}
	of := ""
	if o.User != nil {
		of = " of others"
	}
	writeVerdicts(w, others, of, sections, o)
	if len(unjudged) > 0 {
		if len(others) > 0 {
			w.WriteByte('\n')
		}
		fmt.Fprintf(w, "UNKNOWN of others: %s, which cannot be judged without more rights: %s\n",
			schema.Counted(len(unjudged), "object"), countKinds(unjudged))
	}
	writeGains(w, s, rows, o)
	writeRemoval(w, sections, o)
	return nil
}

// split parts the rows for an ordinary user: his own objects, those of others, and those of others that his rights do
// not suffice to judge. Without Options.User, and in an order that the person chose, all rows are own.
func (o *Options) split(rows []views.Leak) (own, others, unjudged []views.Leak) {
	if o.User == nil || o.Sorted || o.Chosen || o.NoHeadings {
		return rows, nil, nil
	}
	for _, r := range rows {
		switch {
		case r.OwnedBy(*o.User):
			own = append(own, r)
		case r.Verdict == relate.Unknown:
			unjudged = append(unjudged, r)
		default:
			others = append(others, r)
		}
	}
	return own, others, unjudged
}

// countKinds counts the objects of each kind: "12 sem, 5 fifo".
func countKinds(rows []views.Leak) string {
	var kinds []string
	for i, r := range rows {
		kind := r.Object.Ref.Kind
		of := func(r views.Leak) bool { return r.Object.Ref.Kind == kind }
		if slices.IndexFunc(rows, of) < i {
			continue
		}
		n := 0
		for _, r := range rows {
			if of(r) {
				n++
			}
		}
		kinds = append(kinds, fmt.Sprintf("%d %s", n, kind))
	}
	return strings.Join(kinds, ", ")
}

// writeVerdicts writes rows by verdict. of follows the verdict's word in the headings.
func writeVerdicts(w *bufio.Writer, rows []views.Leak, of string, sections []Section, o Options) {
	verdict := relate.Leak("")
	alike := groupLeaks(rows, sections, o)
	for i, r := range rows {
		if r.Verdict != verdict && !o.NoHeadings {
			if verdict != "" {
				w.WriteByte('\n')
			}
			writeVerdict(w, rows, r.Verdict, of, sections, o)
		}
		verdict = r.Verdict
		if group := alike[i]; len(group) > 0 {
			writeAlike(w, group, rows, sections, o)
		}
		if !alike.grouped(i) {
			writeLeak(w, r, columnsOf(sections, r.Object.Ref.Kind), o)
		}
	}
}

// leakRows joins the rows of all kinds, sorted by verdict and then by the requested order.
func leakRows(sections []Section) []views.Leak {
	var rows []views.Leak
	var keys []views.SortKey
	for _, section := range sections {
		keys = section.Sort // all sections have the same keys
		for _, o := range section.Rows {
			rows = append(rows, views.Leak{Mechanism: section.Mechanism, Object: o,
				Verdict: views.VerdictOf(section.Mechanism, o), Bytes: leaks.Bytes(section.Mechanism, o)})
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
		return fmt.Sprintf("nobody uses %[1]s, nobody known to have used %[1]s lives, and nobody is left who "+
			"could know %[1]s", them)
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

func writeVerdict(w *bufio.Writer, rows []views.Leak, v relate.Leak, of string, sections []Section, o Options) {
	bytes := uint64(0)
	rows = slices.DeleteFunc(slices.Clone(rows), func(r views.Leak) bool { return r.Verdict != v })
	for _, r := range rows {
		bytes += r.Bytes
	}
	n := len(rows)
	objects := schema.Counted(n, "object")
	if bytes > 0 {
		objects += ", " + amount(bytes, o.Format)
	}
	fmt.Fprintf(w, "%s%s: %s: %s\n", strings.ToUpper(string(v)), of, objects, meaning(v, n))
	writeOwners(w, rows, sections, o)
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
	if gain := gainOf(s, rows, o.Format); gain != "" && !o.NoHeadings {
		fmt.Fprintf(w, "\nTo be won by removing the orphans: %s\n", gain)
	}
}

// gainOf tells what the removal of the orphans frees: "56M of memory, 1 of 4096 segments (kernel.shmmni)"; "": nothing
// that is counted.
func gainOf(s *collect.Snapshot, rows []views.Leak, f views.Format) string {
	bytes := uint64(0)
	for _, r := range rows {
		if r.Verdict == relate.Orphan {
			bytes += r.Bytes
		}
	}
	var parts []string
	if bytes > 0 {
		parts = append(parts, amount(bytes, f)+" of memory")
	}
	for _, g := range views.Gains(s, rows) {
		part := g.String()
		if g.Limit > 0 {
			part += " (" + g.Knob + ")"
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ", ")
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
