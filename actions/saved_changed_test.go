package actions

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/schema"
)

// An object that was replaced or removed after the plan is refused for that reason. To save nothing would not help.
func TestWhatCannotBeSavedSinceItHasChanged(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		const path = "/dev/shm/mem"
		file := func() { m.ok(os.WriteFile(path, []byte("text"), 0o600)) }
		other := func() {
			m.ok(os.Rename(path, path+"2"))
			file()
		}
		for name, replace := range map[string]func(){
			"by a file": other,
			"by a link": func() {
				m.ok(os.Rename(path, path+"2"))
				m.ok(os.Symlink("mem2", path))
			},
			"by nothing": func() { m.ok(os.Remove(path)) },
		} {
			file()
			p := m.removal(m.posix(schema.PShm, "/mem"))
			replace()
			got := m.run(p)
			const refused = "refused pshm:/mem: "
			if len(got) != 1 || !strings.HasPrefix(got[0], refused+"changed since it was shown: inode was ") &&
				!strings.HasPrefix(got[0], refused+"it is gone: ") || strings.Contains(got[0], "--no-save") {
				t.Errorf("%s: %q", name, got)
			}
			m.ok(os.RemoveAll(path))
		}
		m.ok(m.admin.PosixSemCreate("/gate", 1, 0o600))
		p := m.removal(m.posix(schema.PSem, "/gate"))
		m.ok(os.Remove("/dev/shm/sem.gate"))
		m.ok(os.WriteFile("/dev/shm/sem.gate", []byte("no semaphore"), 0o600))
		m.refused(p, schema.Ref{Kind: schema.PSem, Name: "/gate"}, "changed since it was shown: inode was ")

		q := m.msg(0x11)
		m.ok(m.admin.MsgSend(int(q.ID), 1, bytes.Repeat([]byte("x"), 100), 0))
		p = m.removal(q)
		m.ok(m.admin.MsgRemove(int(q.ID)))
		m.refused(p, q, "it is gone: ")

		s := m.shm(0x12, 4096)
		memory, err := m.admin.ShmAttach(int(s.ID), false)
		m.ok(err)
		p = m.removal(s)
		m.ok(m.admin.ShmDetach(memory))
		m.refused(p, s, "changed since it was shown: nattch was 1, is 0")
		if left, err := os.ReadDir(m.state + "/ipctop/saved"); err != nil || len(left) != 2 {
			t.Error(fmt.Sprint(left), err)
		}
	})
}
