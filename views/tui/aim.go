package tui

import (
	"fmt"
	"maps"

	"github.com/ipctop/ipctop/collect/schema"
)

// aim is what the key of a verb means.
type aim struct {
	rows     []schema.Ref // marked, or under the cursor
	subjects []schema.Ref // the objects that these rows stand for
	meant    []string     // lines of the dialog: what is meant without being on screen, and what is not
}

// aim returns the marked objects of all tabs, if the current tab has marks. Else it is the row under the cursor: marks
// out of sight must not take the place of a row that a person looks at.
func (a *app) aim() aim {
	t := a.tab()
	to := aim{rows: t.targets(), subjects: a.subjects(t.targets(), t.snap)}
	if n := t.counts.markedHidden; n > 0 {
		to.meant = append(to.meant, fmt.Sprintf("Marked but hidden by a filter, and meant as well: %d.", n))
	}
	seen, others := maps.Clone(t.marks), 0
	for i, other := range a.tabs {
		for _, r := range other.marked() {
			if i == a.current || seen[r] {
				continue
			}
			seen[r] = true
			others++
			if len(t.marks) == 0 {
				continue
			}
			to.rows = append(to.rows, r)
			to.subjects = append(to.subjects, a.subjects([]schema.Ref{r}, other.snap)...)
		}
	}
	switch {
	case others > 0 && len(t.marks) > 0:
		to.meant = append(to.meant, fmt.Sprintf("Marked in other tabs, and meant as well: %d.", others))
	case others > 0:
		to.meant = append(to.meant,
			fmt.Sprintf("Marks in other tabs are left out: %d. Mark this row too to include them.", others))
	}
	return to
}
