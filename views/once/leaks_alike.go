package once

import (
	"bufio"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rivo/uniseg"

	"github.com/ipctop/ipctop/collect/leaks"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/views"
)

// fewAlike is the most objects with alike reasons that are written one by one. More such objects would hide the rest.
const fewAlike = 3

// mostRefs is the most Refs that a group names. JSON names all.
const mostRefs = 30

// alikeLeaks holds groups of rows that are written together. Its key is a row's place in the list. The first row of a
// group has the places of all members; the other members have an empty list. A row without a group has no key.
type alikeLeaks map[int][]int

// grouped is true if a row is written with its group.
func (a alikeLeaks) grouped(row int) bool {
	_, ok := a[row]
	return ok
}

// groupLeaks finds the rows of one verdict that are alike. Orphans are alike if one command of rm --where chooses them:
// they share kind, owner and application. Other rows are alike if their reasons differ in numbers only. Nothing is
// grouped if the person chose columns or an order.
func groupLeaks(rows []views.Leak, sections []Section, o Options) alikeLeaks {
	groups := alikeLeaks{}
	if o.Sorted || o.Chosen || o.NoHeadings {
		return groups
	}
	same := map[string]*[]int{}
	var key []byte
	var keyed []string // the reasons in key, of the row before; nil: key has no reasons
	for i, r := range rows {
		if r.Verdict == relate.Orphan {
			conditions, ok := foldConditions(r, columnsOf(sections, r.Object.Ref.Kind))
			if o.Removal == nil || !ok {
				continue
			}
			key = append(append(key[:0], r.Verdict...), '\n')
			key, keyed = append(key, strings.Join(conditions, "\n")...), nil
		} else if reasons := reasonsOf(r, sections); keyed == nil || rows[i-1].Verdict != r.Verdict ||
			!slices.Equal(keyed, reasons) {
			key = append(append(key[:0], r.Verdict...), '\n')
			key, keyed = appendReasons(key, reasons), reasons
		}
		members := same[string(key)]
		if members == nil {
			members = new([]int)
			same[string(key)] = members
		}
		*members = append(*members, i)
	}
	for _, list := range same {
		members := *list
		if len(members) <= fewAlike {
			continue
		}
		for _, i := range members {
			groups[i] = nil
		}
		groups[members[0]] = members
	}
	return groups
}

// appendReasons appends the reasons, a line each, with one 0 in place of each run of digits.
func appendReasons(key []byte, reasons []string) []byte {
	for _, why := range reasons {
		digits := false
		for i := range len(why) {
			c := why[i]
			digit := c >= '0' && c <= '9'
			if digit && !digits {
				key = append(key, '0')
			} else if !digit {
				key = append(key, c)
			}
			digits = digit
		}
		key = append(key, '\n')
	}
	return key
}

func reasonsOf(r views.Leak, sections []Section) []string {
	v, _ := cellOf(r, sections, "reasons")
	return v.List()
}

// cellOf reads a column of a row. ok is false if the columns of the row's kind do not have it, or if it is not known.
func cellOf(r views.Leak, sections []Section, id string) (v schema.Value, ok bool) {
	columns := columnsOf(sections, r.Object.Ref.Kind)
	for i := range columns {
		if columns[i].ID == id {
			v = columns[i].Get(r.Object)
			return v, v.IsKnown()
		}
	}
	return schema.None(schema.TypeList), false
}

// writeAlike writes a group: what its objects have in common, the reasons once, and the first Refs. A group of orphans
// ends with the command that removes it.
func writeAlike(w *bufio.Writer, group []int, rows []views.Leak, sections []Section, o Options) {
	members := make([]views.Leak, 0, len(group))
	for _, i := range group {
		members = append(members, rows[i])
	}
	first := members[0]
	line := "  " + countKinds(members) + ownersOf(members, sections, o.Format)
	if first.Verdict == relate.Orphan {
		line = fmt.Sprintf("  %d %s", len(group), first.Object.Ref.Kind)
		for _, id := range foldColumns() {
			if v, ok := cellOf(first, sections, id); ok {
				line += "  " + id + " " + views.Text(v, o.Format)
			}
		}
		line += spansOf(group, rows, sections, o)
	}
	reasons := reasonsOf(first, sections)
	equal := !slices.ContainsFunc(group,
		func(i int) bool { return !slices.Equal(reasonsOf(rows[i], sections), reasons) })
	switch {
	case len(reasons) == 0:
		w.WriteString(line + ":\n")
	case equal && len(reasons) == 1:
		fmt.Fprintf(w, "%s, for the same reason: %s\n", line, views.Visible(reasons[0]))
	case equal:
		fmt.Fprintf(w, "%s, for the same reasons:\n", line)
	default:
		fmt.Fprintf(w, "%s, for reasons like those of %s:\n", line, views.Visible(first.Object.Ref.String()))
	}
	if !equal || len(reasons) > 1 {
		for _, why := range reasons {
			w.WriteString("    - " + views.Visible(why) + "\n")
		}
	}
	writeRefs(w, group, rows)
	if first.Verdict == relate.Orphan {
		if command, ok := o.commandFor(members, sections); ok {
			w.WriteString("    " + views.Visible(command) + "\n")
		}
	}
}

// ownersOf names the owners of a group: "  owner root", or "  owner root 3, postgres 2".
func ownersOf(group []views.Leak, sections []Section, f views.Format) string {
	sums := sumLeaks(group, sections, "owner", f)
	if len(sums) == 1 {
		if sums[0].name == "-" {
			return ""
		}
		return "  owner " + sums[0].name
	}
	return "  owner " + countNames(sums)
}

// spansOf tells the bytes that a group takes, and the ages of its youngest and its oldest object.
func spansOf(group []int, rows []views.Leak, sections []Section, o Options) (says string) {
	var bytes uint64
	var ages []time.Duration
	for _, i := range group {
		bytes += rows[i].Bytes
		if v, ok := cellOf(rows[i], sections, "age"); ok {
			ages = append(ages, v.Duration())
		}
	}
	if bytes > 0 {
		says = "  " + amount(bytes, o.Format)
	}
	if len(ages) > 0 {
		youngest, oldest := views.Text(schema.Duration(slices.Min(ages)), o.Format),
			views.Text(schema.Duration(slices.Max(ages)), o.Format)
		says += "  age " + youngest
		if youngest != oldest {
			says += " to " + oldest
		}
	}
	return says
}

// writeRefs writes the first Refs of a group.
func writeRefs(w *bufio.Writer, group []int, rows []views.Leak) {
	line := ""
	for n, i := range group {
		ref := views.Visible(rows[i].Object.Ref.String())
		if file, ok := leaks.StaleFile(rows[i].Object); ok && rows[i].Object.Ref.Name == "" {
			ref += " " + views.Visible(file.Name)
		}
		switch {
		case n == mostRefs:
			ref = fmt.Sprintf("and %d more", len(group)-n)
		case n > mostRefs:
			continue
		case n < len(group)-1:
			ref += ","
		}
		switch {
		case line == "":
			line = "    " + ref
		case uniseg.StringWidth(line)+1+uniseg.StringWidth(ref) > findingsWidth:
			w.WriteString(line + "\n")
			line = "    " + ref
		default:
			line += " " + ref
		}
	}
	w.WriteString(line + "\n")
}
