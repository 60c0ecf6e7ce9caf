package collect

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/schema"
)

// lookAt takes a snapshot of these kinds with a new collector.
func lookAt(t *testing.T, of ...schema.Kind) *Snapshot {
	t.Helper()
	host, err := kernel.Open("")
	if err != nil {
		t.Fatal(err)
	}
	req := Request{Want: map[schema.Kind]schema.Need{}}
	for _, k := range of {
		req.Want[k] = 0
	}
	return New(host, time.Now).Take(req)
}

// hiding lists the sources of the failures that may hide objects of the kind.
func hiding(s *Snapshot, kind schema.Kind) (sources []string) {
	for _, f := range s.Hiding(mechanismsOf(kind), false) {
		if f.Failed {
			sources = append(sources, f.Source)
		}
	}
	return sources
}

func mechanismsOf(kind schema.Kind) []*kinds.Mechanism {
	return slices.DeleteFunc(Mechanisms(), func(m *kinds.Mechanism) bool { return m.Kind != kind })
}

func refsOf(s *Snapshot, kind schema.Kind) (refs []string) {
	for _, o := range s.Objects[kind] {
		refs = append(refs, o.Ref.String())
	}
	slices.Sort(refs)
	return refs
}

// leaveDescriptors fills the descriptor table of this process, so that only n more can be opened. It returns the undo.
func leaveDescriptors(t *testing.T, n int) (undo func()) {
	t.Helper()
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	highest := 0
	for _, e := range entries {
		num, _ := strconv.Atoi(e.Name())
		highest = max(highest, num)
	}
	var filled []int
	for {
		fd, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		filled = append(filled, fd)
		if fd > highest {
			break
		}
	}
	few := old
	few.Cur = uint64(filled[len(filled)-1] + 1 + n)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &few); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
			t.Fatal(err)
		}
		for _, fd := range filled {
			unix.Close(fd)
		}
	}
}

// If the reader runs out of descriptors, it misses objects. It says so for each kind that lacks an object.
func TestDescriptorsRunOut(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		s.id(s.admin.MsgGet(1, createIPC|0o600))
		s.id(s.admin.ShmGet(2, 4096, createIPC|0o600))
		kerneltest.Start(t, "open-pipe")
		kerneltest.SocketPair(t, unix.SOCK_STREAM)
		kerneltest.Listener(t, unix.AF_INET, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}, 1)
		locked, err := os.Create(filepath.Join(t.TempDir(), "locked"))
		s.check(err)
		defer locked.Close()
		s.check(unix.Flock(int(locked.Fd()), unix.LOCK_EX))
		var st unix.Stat_t
		s.check(unix.Fstat(int(locked.Fd()), &st))
		looked := []schema.Kind{schema.Proc, schema.Pipe, schema.Msg, schema.Shm, schema.PMsg, schema.PShm, schema.Unix,
			schema.Inet, schema.EventFD, schema.Lock, schema.Mmap, schema.NS}
		full := map[schema.Kind][]string{}
		for _, kind := range looked {
			full[kind] = refsOf(lookAt(t, kind), kind)
		}
		// /proc/locks also shows locks of other programs on this machine, and these come and go.
		full[schema.Lock] = slices.DeleteFunc(full[schema.Lock], func(ref string) bool {
			return !strings.HasPrefix(ref, fmt.Sprintf("lock:%d/flock/", st.Ino))
		})
		for _, kind := range []schema.Kind{schema.Pipe, schema.Msg, schema.Shm, schema.Unix, schema.Inet,
			schema.Lock} {
			if len(full[kind]) == 0 {
				t.Errorf("the test sees no object of kind %s", kind)
			}
		}
		missed := 0
		for n := range 9 {
			for _, kind := range looked {
				undo := leaveDescriptors(t, n)
				snap := lookAt(t, kind)
				undo()
				for _, ref := range full[kind] {
					if !slices.Contains(refsOf(snap, kind), ref) {
						missed++
						if len(hiding(snap, kind)) == 0 {
							t.Errorf("%d free descriptors: %s is missing, and no fault says so: %+v", n, ref,
								snap.Faults)
						}
					}
				}
			}
			undo := leaveDescriptors(t, n)
			snap := lookAt(t, schema.Wait)
			undo()
			if n < 3 && len(hiding(snap, schema.Wait)) == 0 {
				t.Errorf("%d free descriptors: the waits have no fault", n)
			}
		}
		if missed == 0 {
			t.Error("nothing was ever missing: the test shows nothing")
		}
	}, unix.CLONE_NEWNET) // other programs' sockets, too, come and go
}

// A /proc without processes does not mean that there are none.
func TestProcWithoutProcesses(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		if err := unix.Mount("none", "/proc", "tmpfs", 0, ""); err != nil {
			t.Fatal(err)
		}
		defer unix.Unmount("/proc", unix.MNT_DETACH)
		for _, kind := range []schema.Kind{schema.Proc, schema.Pipe, schema.Wait, schema.EventFD} {
			if snap := lookAt(t, kind); !slices.Contains(hiding(snap, kind), "processes") {
				t.Errorf("%s: %d objects, faults %+v", kind, len(snap.Objects[kind]), snap.Faults)
			}
		}
	})
}
