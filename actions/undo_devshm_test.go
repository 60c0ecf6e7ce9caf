package actions

import (
	"strings"
	"syscall"
	"testing"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/schema"
)

// An object of /dev/shm is made again in the /dev/shm that it was in, and nowhere else.
func TestUndoInAnotherDevShm(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		m.ok(m.admin.PosixShmCreate("/mem", 1, 0o600))
		m.ok(m.admin.PosixSemCreate("/gate", 1, 0o600))
		m.ok(m.admin.PosixMsgCreate("/jobs", 0o600))
		m.run(m.removal(m.posix(schema.PShm, "/mem"), m.posix(schema.PSem, "/gate"), m.posix(schema.PMsg, "/jobs")))
		m.ok(syscall.Mount("tmpfs", "/dev/shm", "tmpfs", 0, "mode=1777"))
		p := m.undo(0)
		for _, r := range p.Refused {
			if !strings.HasPrefix(r.Why, "it was in another /dev/shm (device ") {
				t.Error(r)
			}
		}
		if len(p.Refused) != 2 {
			t.Error(p.Lines())
		}
		m.all(p, "done pmsg:/jobs: made again")
		m.ok(syscall.Unmount("/dev/shm", 0))
		m.all(m.undo(0), "done pshm:/mem: made again", "done psem:/gate: made again")
	})
}
