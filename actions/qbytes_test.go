package actions

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/schema"
)

// withoutCapability takes a capability from this thread for the rest of the test.
func withoutCapability(t *testing.T, capability int) {
	t.Helper()
	runtime.LockOSThread() // never unlocked: the thread ends with the test
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		t.Fatal(err)
	}
	data[capability/32].Effective &^= 1 << (capability % 32)
	if err := unix.Capset(&header, &data[0]); err != nil {
		t.Fatal(err)
	}
}

// A queue above kernel.msgmnb comes back with less room if its messages fit, and is refused else. A change is refused
// with the real reason.
func TestQueuesAboveTheLimit(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		withoutCapability(t, unix.CAP_SYS_RESOURCE)
		m := live(t)
		small, large := m.msg(0x11), m.msg(0x12)
		for r, size := range map[schema.Ref]int{small: 200, large: 2000} {
			m.ok(m.admin.MsgSend(int(r.ID), 1, bytes.Repeat([]byte("x"), size), 0))
		}
		before, err := m.host.MsgStat(int(small.ID))
		m.ok(err)
		err = os.WriteFile("/proc/sys/kernel/msgmnb", []byte("1000"), 0)
		if errors.Is(err, fs.ErrPermission) || errors.Is(err, unix.EROFS) {
			t.Skip("an older kernel: the limits of a user's namespace cannot be set: ", err)
		}
		m.ok(err)
		for text, qbytes := range map[string]string{"qbytes=1001": "1001", "perms=0640": "16384"} {
			to, err := ParseSettings(text)
			m.ok(err)
			p, err := m.Set(to, []schema.Ref{small})
			m.ok(err)
			want := "refused: " + small.String() + ": permission denied: qbytes " + qbytes + " is above " +
				"kernel.msgmnb (1000), and every change of such a queue needs CAP_SYS_RESOURCE"
			if got := p.Lines(); got[len(got)-1] != want {
				t.Errorf("got %q\nwant %q", got, want)
			}
		}
		m.run(m.removal(small, large))
		p := m.undo(0)
		want := "refused: " + large.String() + ": permission denied: its 1 message (2000 bytes) needs more than " +
			"kernel.msgmnb (1000 bytes), and that needs CAP_SYS_RESOURCE: undo it as root, or raise kernel.msgmnb " +
			"before"
		if got := p.Lines(); got[len(got)-1] != want {
			t.Errorf("got %q\nwant %q", got, want)
		}
		want = "; its qbytes were 16384 bytes and become 1000 bytes (kernel.msgmnb): more needs CAP_SYS_RESOURCE"
		if !strings.HasSuffix(p.Steps[0].Says, want) {
			t.Error(p.Steps[0].Says)
		}
		m.run(p)
		all, err := m.host.MsgQueues(true)
		m.ok(err)
		if len(all) != 1 || all[0].QBytes != 1000 || all[0].CBytes != before.CBytes || all[0].Key != before.Key {
			t.Errorf("%+v", all)
		}
	})
}
