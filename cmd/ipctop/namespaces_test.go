package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/namespace"
)

// shmInNamespace makes a segment in another IPC namespace. A descriptor of the test keeps the namespace alive. It
// gives the segment's id and the namespace.
func (s *scene) shmInNamespace() (id int, ns namespace.Namespace) {
	s.t.Helper()
	check := func(err error) {
		if err != nil {
			s.t.Fatal(err)
		}
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	home, err := unix.Open("/proc/thread-self/ns/ipc", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	check(err)
	defer unix.Close(home)
	check(unix.Unshare(unix.CLONE_NEWIPC))
	id = s.shm(0x77)
	there, err := unix.Open("/proc/thread-self/ns/ipc", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	check(err)
	s.t.Cleanup(func() { unix.Close(there) })
	check(unix.Setns(home, unix.CLONE_NEWIPC))
	path := fmt.Sprintf("/proc/self/fd/%d", there)
	link, err := os.Readlink(path)
	check(err)
	_, ino, _ := namespace.ParseLink([]byte(link))
	return id, namespace.Namespace{Type: "ipc", Ino: ino, Path: path}
}

func (s *scene) segments(ns namespace.Namespace) (own, there int) {
	s.t.Helper()
	count := func(n *int) func() error {
		return func() error {
			list, err := s.host.ShmSegments(false)
			*n = len(list)
			return err
		}
	}
	if err := errors.Join(count(&own)(), s.host.VisitNamespace(ns, count(&there))); err != nil {
		s.t.Fatal(err)
	}
	return own, there
}

func TestOnceTellsOfOtherNamespaces(t *testing.T) {
	onScene(t, func(s *scene) {
		id, ns := s.shmInNamespace()
		// the kind pipe reads all descriptors, and one of them leads to the namespace
		got := ipctop("--once", "shm", "pipe", "--columns", "ref", "--where", "ref startsWith 'shm'", "--no-headings")
		if diff := cmp.Diff(commandOutput{0, "", "ipctop: note: 1 other IPC namespace holds 1 object (-A)\n"},
			got); diff != "" {
			t.Error(diff)
		}
		// The doctor has no such flag, so it names another way.
		note := "Note: 1 other IPC namespace holds 1 object; the checks look at this one alone,\n" +
			"  `ipctop doctor -A` at all\n"
		if got := ipctop("doctor"); !strings.Contains(got.Stdout, note) {
			t.Errorf("%+v", got)
		}
		got = ipctop("--once", "shm", "-A", "--columns", "ref,ns,key", "--no-headings")
		if diff := cmp.Diff(commandOutput{0, fmt.Sprintf("shm:%d@%d  %d  0x00000077\n", id, ns.Ino, ns.Ino), ""},
			got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestRemoveInAnotherNamespace(t *testing.T) {
	onScene(t, func(s *scene) {
		id, ns := s.shmInNamespace()
		if own := s.shm(0x77); own != id {
			t.Fatalf("segment %d here, %d there; want one id", own, id)
		}
		ref := fmt.Sprintf("shm:%d@%d", id, ns.Ino)
		if got := ipctop("rm", "--yes", ref); got.Code != 0 || got.Stdout != ref+": removed\n" {
			t.Errorf("%+v", got)
		}
		if own, there := s.segments(ns); own != 1 || there != 0 {
			t.Errorf("%d segments here, %d there; want 1 and 0", own, there)
		}
		if got := ipctop("rm", "--yes", ref); got.Code != 1 ||
			!strings.Contains(got.Stderr, "there is no such object") {
			t.Errorf("again: %+v", got)
		}
	})
}

func TestRemoveWhereInEveryNamespace(t *testing.T) {
	onScene(t, func(s *scene) {
		id, ns := s.shmInNamespace()
		if got := ipctop("rm", "--yes", "--where", "key == 0x77"); got.Code != 1 {
			t.Errorf("without -A: %+v", got)
		}
		if got := ipctop("rm", "--yes", "-A", "--where", "key == 0x77"); got.Code != 0 ||
			got.Stdout != fmt.Sprintf("shm:%d@%d: removed\n", id, ns.Ino) {
			t.Errorf("with -A: %+v", got)
		}
		if got := ipctop("rm", "--yes", "-A", "shm:1"); got.Code != 2 {
			t.Errorf("-A with a REF: %+v", got)
		}
		if _, err := s.host.ShmStat(id); !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
	})
}
