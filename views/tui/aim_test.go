package tui

import (
	"fmt"
	"slices"
	"testing"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/schema"
)

// A plan takes the marks of all kinds and all tabs. Without a mark in the current tab it takes the row under the cursor
// alone, and says how many marks it leaves out.
func TestVerbsTakeMarksOverKindsAndTabs(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		admin := kernel.NewAdmin()
		sem := fmt.Sprint("sem:", kerneltest.Must(admin.SemGet(sysv.KeyPrivate, 1, 0o600))(t))
		kerneltest.OK(t, admin.PosixSemCreate("/gate", 1, 0o600))
		kept, shm := fmt.Sprint("shm:", segment(t)), fmt.Sprint("shm:", segment(t))
		r := live(t)
		r.toTab(schema.Sem)
		r.see(sem, "psem:/gate")
		r.press("Space", "Space")
		r.see("2 marked")
		r.press("F8") // marks of two kinds in one tab
		r.see("Remove 2 objects", sem+": ", "psem:/gate: ")
		r.seeNot("other tabs")
		r.press("Esc")

		r.toTab(schema.Shm)
		r.see(kept, shm, "2 marked in other tabs")
		r.press("F8")
		r.see("Remove 1 object", "Marks in other tabs are left out: 2. Mark this row too to include them.",
			kept+": ")
		r.press("Esc", "Down", "Space", "F8")
		r.see("Remove 3 objects", "Marked in other tabs, and meant as well: 2.", sem+": ", "psem:/gate: ", shm+": ")
		r.press("y")
		r.see("done: "+sem, "done: psem:/gate", "done: "+shm, "Enter or Esc closes")
		same(t, "left", []string{kept}, segments(t))
		r.press("Esc")
		r.seeNot("marked")
	})
}

// A verb that works on one of the marked kinds has its key. The plan refuses the other kinds with the reason.
func TestVerbsRefuseMarksOfOtherKinds(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		shm := fmt.Sprint("shm:", segment(t))
		w := kerneltest.Start(t, "sleep")
		r := live(t)
		r.toTab(schema.Shm)
		r.see(shm)
		r.press("Space")
		r.see("1 marked")
		r.toTab(schema.Proc)
		r.press("\\")
		r.write(fmt.Sprint("pid == ", w.PID))
		r.press("Enter")
		kerneltest.Eventually(t, "its row alone", func() bool {
			return slices.Equal(r.rows(), []string{fmt.Sprint(">proc:", w.PID)})
		})
		r.press("Space", "F8")
		r.see("Remove 1 object", shm+": ", fmt.Sprintf("refused: proc:%d: a process is not removed", w.PID))
		r.press("Esc", "F9", "Enter")
		r.see("Send SIGTERM to 1 process", fmt.Sprintf("proc:%d: SIGTERM", w.PID), "refused: "+shm+
			": it has no holders that can be seen")
	})
}
