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

// fewAlike is how many objects with the same reasons are told one by one: more would bury the rest.
const fewAlike = 3

// alikeLeaks are groups of rows that are told together, each by its members' places in the list: the first row of a
// group has all of them, the others have none. Rows that stand alone are not in it.
type alikeLeaks map[int][]int

// told says whether a row is told with its group.
func (a alikeLeaks) told(row int) bool {
	_, ok := a[row]
	return ok
}

// groupLeaks finds the rows of one verdict that have the same reasons. Orphans are told each, with the command that
// removes it, and so is every row where somebody chose columns or an order.
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

// writeAlike writes a group: how many there are, their reasons once, and which they are.
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
