package once

import (
	"bufio"
	"fmt"
	"slices"
	"strings"

	"github.com/rivo/uniseg"

	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/views"
)

// fewAlike is the most objects with equal reasons that are written one by one. More such objects would hide the rest.
const fewAlike = 3

// alikeLeaks holds groups of rows that are written together. Its key is a row's place in the list. The first row of a
// group has the places of all members; the other members have an empty list. A row without a group has no key.
type alikeLeaks map[int][]int

// grouped is true if a row is written with its group.
func (a alikeLeaks) grouped(row int) bool {
	_, ok := a[row]
	return ok
}

// groupLeaks finds the rows of one verdict with equal reasons. An orphan is never grouped: it has its own command.
// Nothing is grouped if the person chose columns or an order.
func groupLeaks(rows []views.Leak, sections []Section, o Options) alikeLeaks {
	groups := alikeLeaks{}
	if o.Sorted || o.Chosen || o.NoHeadings {
		return groups
	}
	same := map[string][]int{}
	for i, r := range rows {
		if r.Verdict != relate.Orphan {
			key := string(r.Verdict) + "\n" + strings.Join(reasonsOf(r, sections), "\n")
			same[key] = append(same[key], i)
		}
	}
	for _, members := range same {
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

func reasonsOf(r views.Leak, sections []Section) []string {
	columns := columnsOf(sections, r.Object.Ref.Kind)
	if at := slices.IndexFunc(columns, func(c schema.Column) bool { return c.ID == "reasons" }); at >= 0 {
		return columns[at].Get(r.Object).List()
	}
	return nil
}

// writeAlike writes a group: the number of objects, their reasons once, and their Refs.
func writeAlike(w *bufio.Writer, group []int, rows []views.Leak, sections []Section) {
	refs := make([]string, len(group))
	for n, i := range group {
		refs[n] = views.Visible(rows[i].Object.Ref.String())
	}
	switch reasons := reasonsOf(rows[group[0]], sections); len(reasons) {
	case 0:
		fmt.Fprintf(w, "  %d objects:\n", len(group))
	case 1:
		fmt.Fprintf(w, "  %d objects, for the same reason: %s\n", len(group), views.Visible(reasons[0]))
	default:
		fmt.Fprintf(w, "  %d objects, for the same reasons:\n", len(group))
		for _, why := range reasons {
			w.WriteString("    - " + views.Visible(why) + "\n")
		}
	}
	line := "    " + refs[0]
	for _, ref := range refs[1:] {
		if line += ","; uniseg.StringWidth(line)+1+uniseg.StringWidth(ref) > findingsWidth {
			w.WriteString(line + "\n")
			line = "    " + ref
		} else {
			line += " " + ref
		}
	}
	w.WriteString(line + "\n")
}
