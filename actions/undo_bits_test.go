package actions

import (
	"os"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/schema"
)

// The setuid, setgid and sticky bits of a POSIX object come back, after rm and after set.
func TestUndoBringsSpecialBitsBack(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		const path = "/dev/shm/mem"
		m.ok(os.WriteFile(path, []byte("text"), 0o600))
		m.ok(syscall.Chmod(path, 0o7751))
		bits := func() uint32 {
			var st syscall.Stat_t
			m.ok(syscall.Stat(path, &st))
			return st.Mode & 0o7777
		}
		got := []uint32{bits()}
		m.run(m.removal(m.posix(schema.PShm, "/mem")))
		m.run(m.undo(0))
		got = append(got, bits())
		to, err := ParseSettings("perms=0600")
		m.ok(err)
		p, err := m.Set(to, []schema.Ref{m.posix(schema.PShm, "/mem")})
		m.ok(err)
		m.run(p)
		got = append(got, bits())
		m.run(m.undo(0))
		if diff := cmp.Diff([]uint32{0o7751, 0o7751, 0o600, 0o7751}, append(got, bits())); diff != "" {
			t.Error(diff)
		}
	})
}
