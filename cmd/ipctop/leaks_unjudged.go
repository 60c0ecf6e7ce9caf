package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/leaks"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/views"
	"github.com/ipctop/ipctop/views/once"
)

// unjudged lists the objects with the verdict unknown that could be orphans and were asked for. With --where these are
// the objects that it would choose as orphans.
func (f *onceFlags) unjudged(snap *collect.Snapshot, sections []once.Section) ([]*schema.Object, error) {
	would := func(*schema.Object) bool { return true }
	if f.where != "" {
		where, err := views.CompileWhere(asOrphans(mechanismsIn(sections)), f.where)
		if err != nil {
			return nil, err
		}
		would = where.Match
	}
	var unjudged []*schema.Object
	for i := range sections {
		m := sections[i].Mechanism
		for _, o := range snap.Objects[m.Kind] {
			if !views.Unjudged(m, o) && views.VerdictOf(m, o) == relate.Unknown && would(o) {
				unjudged = append(unjudged, o)
			}
		}
	}
	return unjudged, nil
}

// asOrphans copies mechanisms. In the copies, the verdict on each object is orphan.
func asOrphans(mechs []*kinds.Mechanism) []*kinds.Mechanism {
	copies := make([]*kinds.Mechanism, len(mechs))
	for i, m := range mechs {
		c := *m
		c.Columns = slices.Clone(m.Columns)
		for j := range c.Columns {
			if c.Columns[j].ID == "verdict" {
				c.Columns[j].Get = func(*schema.Object) schema.Value { return schema.String(string(relate.Orphan)) }
			}
		}
		copies[i] = &c
	}
	return copies
}

// sayUnjudged tells on stderr how many objects could not be judged, and the commonest reasons. The last reason of a
// verdict is the one that decided it.
func sayUnjudged(stderr io.Writer, objects []*schema.Object) {
	if len(objects) == 0 {
		return
	}
	count := map[string]int{}
	var reasons []string
	for _, o := range objects {
		all := leaks.VerdictOf(o).Reasons
		why := all[len(all)-1]
		if count[why]++; count[why] == 1 {
			reasons = append(reasons, why)
		}
	}
	slices.SortStableFunc(reasons, func(a, b string) int { return cmp.Compare(count[b], count[a]) })
	const most = 3
	says := make([]string, 0, most+1)
	for _, why := range reasons[:min(len(reasons), most)] {
		says = append(says, fmt.Sprintf("%s (%d)", views.Visible(why), count[why]))
	}
	if more := len(reasons) - most; more > 0 {
		says = append(says, schema.Counted(more, "more reason"))
	}
	fmt.Fprintf(stderr, "ipctop: %s could not be judged: %s\n", schema.Counted(len(objects), "object"),
		strings.Join(says, "; "))
}
