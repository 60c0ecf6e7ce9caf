package actions

import (
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/vfs"
	"github.com/ipctop/ipctop/collect/schema"
)

// files lists the FIFOs and sockets by their paths, as a removal sees them.
func (m *machine) files() map[string]schema.Ref {
	m.t.Helper()
	want := map[schema.Kind]schema.Need{}
	all := collect.Mechanisms()
	for _, mech := range all {
		if isPath(mech.Kind) {
			want[mech.Kind] = removalLists(mech)
		}
	}
	found := map[string]schema.Ref{}
	snap := collect.New(m.host, m.now).Take(collect.Request{Want: want})
	for _, mech := range all {
		path, ok := mech.Column("path")
		if !isPath(mech.Kind) || !ok {
			continue
		}
		for _, o := range snap.Objects[mech.Kind] {
			found[path.Get(o).Str()] = o.Ref
		}
	}
	return found
}

// A FIFO that nobody has open and a path that no socket is bound to are unlinked.
func TestPathsWithoutUsersAreUnlinked(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		const fifo, socket = "/dev/shm/old.fifo", "/dev/shm/old.sock"
		m.ok(syscall.Mkfifo(fifo, 0o640))
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket})
		m.ok(err)
		l.SetUnlinkOnClose(false)
		m.ok(l.Close())
		file, err := vfs.StatFile(fifo)
		m.ok(err)
		refs := m.files()
		p := m.removal(refs[fifo], refs[socket])
		var says []string
		for i := range p.Steps {
			says = append(says, p.Steps[i].Says)
		}
		want := []string{
			fmt.Sprintf("FIFO %s (owner %s) is unlinked; nobody uses it (to undo: mkfifo -m 0640, then chown %d:%d)",
				fifo, ownName(), file.UID, file.GID),
			fmt.Sprintf("socket path %s (owner %s) is unlinked; nobody uses it (no undo: only the program that "+
				"binds it makes it again)", socket, ownName()),
		}
		if diff := cmp.Diff(want, says); diff != "" || len(p.Refused) > 0 {
			t.Fatal(diff, p.Refused)
		}
		done := []string{"done " + refs[fifo].String() + ": removed", "done " + refs[socket].String() + ": removed"}
		if diff := cmp.Diff(done, m.run(p)); diff != "" {
			t.Error(diff)
		}
		for _, path := range []string{fifo, socket} {
			if _, err := os.Lstat(path); !os.IsNotExist(err) {
				t.Errorf("%s: %v, want that it is gone", path, err)
			}
		}
	})
}

// A path that got a user since the plan stays, and so does one that leads to another file. A path in use is refused.
func TestPathsWithUsersStay(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		const opened, other, bound = "/dev/shm/opened", "/dev/shm/other", "/dev/shm/bound"
		for _, path := range []string{opened, other} {
			m.ok(syscall.Mkfifo(path, 0o600))
		}
		l, err := net.Listen("unix", bound)
		m.ok(err)
		defer l.Close()
		refs := m.files()
		p := m.removal(refs[opened], refs[other], refs[bound])
		if len(p.Steps) != 2 || len(p.Refused) != 1 || p.Refused[0].Ref != refs[bound] {
			t.Fatal(p.Lines())
		}
		f, err := os.OpenFile(opened, os.O_RDWR, 0)
		m.ok(err)
		defer f.Close()
		m.ok(os.Rename(other, other+"2"))
		m.ok(syscall.Mkfifo(other, 0o600))
		results := m.run(p)
		if len(results) != 2 || results[0] != "refused "+refs[opened].String()+
			": changed since it was shown: nobody had it open, and now somebody has: look at it again" {
			t.Errorf("%q", results)
		}
		for _, path := range []string{opened, other, other + "2", bound} {
			if _, err := os.Lstat(path); err != nil {
				t.Error(err)
			}
		}
	})
}
