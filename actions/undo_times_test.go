package actions

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/schema"
)

// The values of an object may be those after the change, and the object another one all the same: its ctime tells.
// Changes by ipctop itself, and their undo, move ctime too.
func TestUndoOfSetComparesTheCtime(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		ours, touched := m.sem(1, 1), m.msg(2)
		m.run(m.setting("perms=0640", ours))                                         // plan 1
		m.run(m.setting("perms=0640", touched))                                      // plan 2
		m.run(m.setting("sval[0]=4", m.ref(schema.Sem, int(ours.ID))))               // plan 3
		anew := m.withID(schema.Sem, 5, func() schema.Ref { return m.sem(0x77, 1) }) // root may choose the id
		m.run(m.setting("sval[0]=4", anew))                                          // plan 4
		last := m.ref(schema.Sem, int(anew.ID)).Gen
		m.ok(m.admin.SemRemove(int(anew.ID)))
		old := kerneltest.Must(m.host.MsgStat(int(touched.ID)))(t)
		kerneltest.Eventually(t, "ctime moves", func() bool {
			perm := sysv.MsgQueue{IPCPerm: old.IPCPerm, QBytes: old.QBytes}
			m.ok(m.admin.MsgSet(perm))
			return m.ref(schema.Msg, int(touched.ID)).Gen > last
		})
		again := m.withID(schema.Sem, int(anew.ID), func() schema.Ref { return m.sem(0x77, 1) })
		m.ok(m.admin.SemSetValue(int(again.ID), 0, 4))

		var got []string
		for _, n := range []int{3, 1, 2, 4} {
			p := m.undo(n)
			got = append(got, m.run(p)...)
			for _, r := range p.Refused {
				why, _, _ := strings.Cut(r.Why, ": ")
				got = append(got, "refused "+r.Ref.String()+": "+why)
			}
		}
		const since = "it was changed or made anew since"
		want := []string{"done " + ours.String() + ": sval[0] 4 → 0", "done " + ours.String() + ": perms 0640 → 0600",
			fmt.Sprintf("refused msg:%d: %s", touched.ID, since), fmt.Sprintf("refused sem:%d: %s", anew.ID, since)}
		if again.ID != anew.ID {
			got, want = got[:3], want[:3]
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}
