package tui

import (
	"fmt"
	"os"
	"syscall"
	"testing"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/collecttest"
	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
)

// Serious verdicts come first, and objects in use are hidden by default. The reason stands in the row, and in full
// below.
func TestLeaksTab(t *testing.T) {
	t.Parallel()
	r := openRig(t, collecttest.Sample(t).Root, 80, 24, nil)
	r.press("L")
	r.see("[L Leaks]", "1 suspect, 4 unknown, 5 live", "VERDICT", "REASONS",
		" nobody has it attached: nattch is 0; its creator")
	same(t, "by verdict", []string{">shm:32771", "msg:0", "msg:32769", "sem:3", "sem:65538"}, r.rows())
	r.press("K")
	r.see("10 shown", "shm:32769")
	r.press("K", "Enter")
	r.see("shm:32771", "verdict", "suspect")
	r.press("Esc", "Space", "\\")
	r.write(`verdict == "unknown"`)
	r.press("Enter")
	r.see("4 of 5 shown, 1 marked")
}

// A segment is an orphan if the last process of its user is gone. The view of leaks can remove it.
func TestOrphansAreCountedAndRemoved(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: only another user's segment has nobody left who could know it")
	}
	kerneltest.InNamespace(t, func() {
		w := kerneltest.StartAs(t, &syscall.Credential{Uid: 4321, Gid: 4321}, "segment")
		w.Finish()
		r := openRig(t, "", 120, 40, func(o *Options) { o.Planner, o.Grace = planner(t), collect.NoGrace })
		r.press("L", "-") // an object used within the last second is never an orphan
		r.see("1 orphan", "to be won 4.0K, 1 of 4096 segments", "shm:0")
		same(t, "first", ">shm:0", r.rows()[0])
		r.press("Enter")
		r.see("What is wrong", "shm:0 is an orphan: nobody uses it, and nobody is left who could know it",
			"to do: ipcrm -m 0")
		r.press("Esc")
		r.press("F8")
		r.see("Remove 1 object", "y = yes")
		r.press("y")
		r.see("done: ", "Enter or Esc closes")
		r.press("Esc")
		r.seeNot("1 orphan")
		same(t, "left", []string{}, segments(t))
	})
}

// C removes all orphans shown, and no other row. A verdict that changes while the question stands is refused.
func TestCleanOfTheOrphansShown(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		admin := kernel.NewAdmin()
		ids := make([]int, 3)
		for i := range ids {
			id, err := admin.SemGet(sysv.KeyPrivate, 1+i/2, sysv.IPCCreat|0o600)
			if err != nil {
				t.Fatal(err)
			}
			ids[i] = id
		}
		attached := segment(t)
		r := openRig(t, "", 120, 40, func(o *Options) {
			o.Planner, o.Grace = graceless(t), collect.NoGrace
		})
		r.press("L", "-", "K") // an object used within the last second is never an orphan
		r.see("3 orphan")
		r.press("\\")
		r.write("nsems == 3")
		r.press("Enter", "C")
		r.see("no orphan is shown")
		r.press("Esc", "\\")
		r.write("nsems == 1")
		r.press("Enter")
		r.see("2 of 4 shown")
		r.press("C")
		r.see("Remove 2 objects", "y = yes")
		if err := admin.SemOp(ids[1], []sysv.SemOp{{Op: 1}}, -1); err != nil {
			t.Fatal(err)
		}
		r.press("y")
		r.see("done: ", fmt.Sprintf("sem:%d: removed", ids[0]),
			fmt.Sprintf("refused: sem:%d: changed since it was shown: it is no orphan, but idle", ids[1]),
			"Enter or Esc closes")
		same(t, "segments left", []string{fmt.Sprint("shm:", attached)}, segments(t))
	})
}

func workSegment(j *kerneltest.Job) {
	admin := kernel.NewAdmin()
	id, err := admin.ShmGet(sysv.KeyPrivate, 4096, 0o600)
	j.Check(err)
	data, err := admin.ShmAttach(id, false)
	j.Check(err)
	data[0] = 1
	j.Ready()
	j.Wait()
}
