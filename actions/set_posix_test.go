package actions

import (
	"os"
	"testing"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
)

// Who maps a file after the plan would get SIGBUS where it is cut off. What was written since would be lost.
func TestAFileThatIsUsedSinceThePlanIsNotCut(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		r := m.pshm("/seg", 8192)
		plan := func(text string) *Plan {
			p := m.setting(text, r)
			t.Cleanup(p.Close)
			return p
		}
		idle, grows, chmod := plan("size=1"), plan("size=16K"), plan("perms=0640")
		w := kerneltest.Start(t, "map-shm", "/seg")
		m.refused(idle, r, "changed since it was shown: by now "+processName(m.comm(w.PID), w.PID)+
			" has it mapped: look at it again")
		used := plan("size=1")
		other := kerneltest.Start(t, "map-shm", "/seg")
		m.refused(used, r, "changed since it was shown: by now "+processName(m.comm(other.PID), other.PID)+
			" has it mapped: look at it again")
		// Other changes hurt no user.
		m.all(chmod, "done "+r.String()+": perms 0600 → 0640")
		m.refused(grows, r, "changed since it was shown: mode was 0600, is 0640")
		w.Kill()
		other.Kill()

		// The kernel itself knows the users, also those that no look at /proc shows.
		unseen := plan("size=1")
		unseen.reasons = nil
		w = kerneltest.Start(t, "map-shm", "/seg")
		m.refused(unseen, r, "changed since it was shown: nobody used it, and now somebody has it open or mapped")
		w.Kill()

		idle = plan("size=1")
		f, err := os.OpenFile("/dev/shm/seg", os.O_RDWR, 0)
		m.ok(err)
		_, err = f.WriteAt([]byte("x"), 100)
		m.ok(err)
		m.ok(f.Close())
		m.refused(idle, r, "changed since it was shown: mtime was ")
		m.all(plan("size=1"), "done "+r.String()+": size 8192 → 1")
	})
}
