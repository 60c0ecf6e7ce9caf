package once

import (
	"bufio"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/views"
)

// For an ordinary user his own objects come first. What belongs to others and cannot be judged is counted.
func TestLeaksOfAnOrdinaryUser(t *testing.T) {
	set := func(id uint64, uid uint32, v relate.Leak) views.Leak {
		row := &kinds.SemRow{SemSet: sysv.SemSet{IPCPerm: sysv.IPCPerm{UID: uid, CUID: uid}}}
		return views.Leak{Object: &schema.Object{Ref: schema.Ref{Kind: schema.Sem, ID: id}, Row: row}, Verdict: v}
	}
	rows := []views.Leak{set(1, 0, relate.Orphan), set(2, 7, relate.Suspect), set(3, 0, relate.Unknown),
		set(4, 7, relate.Unknown), set(5, 8, relate.Unknown), set(6, 0, relate.Idle)}
	ids := func(rows []views.Leak) (ids []uint64) {
		for _, r := range rows {
			ids = append(ids, r.Object.Ref.ID)
		}
		return ids
	}
	me := uint32(7)
	own, others, unjudged := (&Options{User: &me}).split(rows)
	if diff := cmp.Diff([][]uint64{{2, 4}, {1, 6}, {3, 5}},
		[][]uint64{ids(own), ids(others), ids(unjudged)}); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	own, others, unjudged = (&Options{User: &me, Sorted: true}).split(rows)
	if len(own) != len(rows) || len(others)+len(unjudged) > 0 {
		t.Error("an order of the person's own is not kept")
	}
	var text strings.Builder
	w := bufio.NewWriter(&text)
	orphans := append(rows[:1:1], set(7, 7, relate.Orphan), set(8, 7, relate.Orphan), set(9, 8, relate.Orphan))
	writeRemoval(w, nil, Options{User: &me, Removal: &Removal{Where: "a or b"}, orphans: orphans})
	writeRemoval(w, nil, Options{User: &me, Removal: &Removal{Where: "a or b"}, orphans: orphans[1:3]})
	writeRemoval(w, nil, Options{Removal: &Removal{Kinds: []schema.Kind{schema.Sem}}, orphans: orphans})
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	want := `To remove these 2 orphans of your own, after a plan and a question: ` +
		`ipctop rm --where 'verdict == "orphan" and ref in ["sem:7", "sem:8"] and (a or b)'
To remove these 2 orphans of others as root, after a plan and a question: ` +
		`ipctop rm --where 'verdict == "orphan" and ref in ["sem:1", "sem:9"] and (a or b)'
To remove these 2 orphans, after a plan and a question: ipctop rm --where 'verdict == "orphan" and (a or b)'
To remove these 4 orphans, after a plan and a question: ipctop rm --where 'verdict == "orphan" and kind == "sem"'
`
	if diff := cmp.Diff(want, text.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
