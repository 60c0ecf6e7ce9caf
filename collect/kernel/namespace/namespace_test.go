package namespace_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/namespace"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
)

// workQueue makes a message queue.
func workQueue(j *kerneltest.Job) {
	id, err := sysv.MsgGet(0x4711, sysv.IPCCreat|sysv.IPCExcl|0o600)
	j.Check(err)
	j.Ready(id)
	j.Wait()
}

// ipcOf names the IPC namespace of a process.
func ipcOf(tb testing.TB, pid int) namespace.Namespace {
	tb.Helper()
	path := fmt.Sprintf("/proc/%d/ns/ipc", pid)
	link, err := os.Readlink(path)
	if err != nil {
		tb.Fatal(err)
	}
	_, ino, ok := namespace.ParseLink([]byte(link))
	if !ok {
		tb.Fatalf("%q is no namespace", link)
	}
	return namespace.Namespace{Type: "ipc", Ino: ino, Path: path}
}

func TestVisit(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		h := sys.Root("")
		there := ipcOf(t, kerneltest.StartIn(t, unix.CLONE_NEWIPC, "queue").PID)
		home, err := namespace.Self(h, "ipc")
		if err != nil {
			t.Fatal(err)
		}
		count := func() int {
			queues, err := sysv.MsgQueues(h, true)
			if err != nil {
				t.Error(err)
			}
			return len(queues)
		}
		// Many at once, so that the process's first thread also gets a visit.
		var all sync.WaitGroup
		for range 32 {
			all.Go(func() {
				for range 20 {
					inside := -1
					err := namespace.Visit(h, there, func() error { inside = count(); return nil })
					if err != nil || inside != 1 || count() != 0 {
						t.Errorf("%d queues inside, %d outside, error %v; want 1, 0, none", inside, count(), err)
					}
					// The link that other processes see.
					if link, err := os.Readlink("/proc/self/ns/ipc"); err != nil ||
						link != fmt.Sprintf("ipc:[%d]", home) {
						t.Errorf("/proc/self/ns/ipc is %s, %v; want %d", link, err, home)
					}
				}
			})
		}
		all.Wait()

		failed := errors.New("failed")
		if err := namespace.Visit(h, there, func() error { return failed }); err != failed {
			t.Errorf("f's error came back as %v", err)
		}
		func() {
			defer func() {
				if p := recover(); p != "oh" {
					t.Errorf("f's panic came back as %v", p)
				}
			}()
			namespace.Visit(h, there, func() error { panic("oh") })
		}()
		if n := count(); n != 0 {
			t.Errorf("%d queues outside after a panic inside", n)
		}
	})
}

func TestVisitOfNothing(t *testing.T) {
	h := sys.Root("")
	own := ipcOf(t, os.Getpid())
	never := func() error { t.Error("f ran"); return nil }
	for name, ns := range map[string]namespace.Namespace{
		"another lives there":  {Type: "ipc", Ino: own.Ino + 1, Path: own.Path},
		"its process is gone":  {Type: "ipc", Ino: own.Ino, Path: "/proc/999999999/ns/ipc"},
		"no namespace file":    {Type: "ipc", Ino: own.Ino, Path: "/dev/null"},
		"a file of that inode": {Type: "ipc", Ino: inodeOf(t, "/dev/null"), Path: "/dev/null"},
	} {
		if err := namespace.Visit(h, ns, never); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v, want fs.ErrNotExist", name, err)
		}
	}
	if err := namespace.Visit(h, namespace.Namespace{Type: "pid", Ino: own.Ino, Path: "/proc/self/ns/pid"},
		never); !errors.Is(err, unix.EINVAL) {
		t.Errorf("a pid namespace: %v, want EINVAL", err)
	}
	if err := namespace.Visit(kerneltest.Must(sys.OpenRoot(kerneltest.Tree(t, nil)))(t), own, never); !errors.Is(err,
		sys.ErrNotLive) {
		t.Errorf("a file tree: %v, want sys.ErrNotLive", err)
	}
}

func inodeOf(t *testing.T, path string) uint64 {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	return st.Ino
}

func TestOwner(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		pid := kerneltest.StartIn(t, unix.CLONE_NEWUSER|unix.CLONE_NEWIPC, "queue").PID
		for _, ns := range []namespace.Namespace{ipcOf(t, os.Getpid()), ipcOf(t, pid)} {
			if uid, err := namespace.Owner(sys.Root(""), ns); err != nil || uid != 0 {
				t.Errorf("owner of %s: %d, %v; want the user who started this test", ns, uid, err)
			}
		}
	})
}

func FuzzParseNamespaceLink(f *testing.F) {
	for _, seed := range []string{"ipc:[4026531839]", "net:[1]", "socket:[3]", "anon_inode:[eventfd]", "ipc:[]", ":[",
		"user:[5] (deleted)"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		typ, ino, ok := namespace.ParseLink(text)
		if back := (namespace.Namespace{Type: typ, Ino: ino}).String(); ok && len(back) > len(text) {
			t.Errorf("%q became %q", text, back)
		}
	})
}

// BenchmarkVisitNamespaces counts the objects of 100 IPC namespaces (here one namespace, a hundred times).
func BenchmarkVisitNamespaces(b *testing.B) {
	kerneltest.InNamespace(b, func() {
		h := sys.Root("")
		list := slices.Repeat([]namespace.Namespace{ipcOf(b, kerneltest.StartIn(b, unix.CLONE_NEWIPC, "queue").PID)},
			100)
		for b.Loop() {
			for _, err := range namespace.VisitEach(h, list,
				func(int) error { _, err := sysv.IPCObjects(h); return err }) {
				if err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}
