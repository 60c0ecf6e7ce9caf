package collect

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/vfs"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
)

// file reads the facts that ipctop has of a file.
func (s *sysvScene) file(path string) vfs.PosixFile {
	s.Helper()
	var st unix.Stat_t
	s.check(unix.Lstat(path, &st))
	return vfs.PosixFile{Name: path, Dev: st.Dev, Ino: st.Ino, CTime: time.Unix(st.Ctim.Unix())}
}

func (s *sysvScene) fifoRef(path string) string {
	f := s.file(path)
	return schema.Ref{Kind: schema.Fifo, Space: f.Dev, ID: f.Ino}.String()
}

const (
	nobodyAtFIFO = "nobody has it open or waits to: the descriptors and system calls of every process were read"
	nobodyBound  = "no socket is bound to it, in any network namespace"
)

// files makes files, and then sets the moment of the scene one hour later.
func (s *sysvScene) files(make func()) {
	make()
	s.now = time.Now().Add(time.Hour)
}

// changed is the time of the last change to a file.
func (s *sysvScene) changed(path string) time.Time {
	var st unix.Stat_t
	s.check(unix.Stat(path, &st))
	return time.Unix(st.Ctim.Unix())
}

func TestStaleFIFO(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		const path = "/dev/shm/a b"
		s.files(func() { s.check(unix.Mkfifo(path, 0o600)) })
		ref := s.fifoRef(path)
		s.wantVerdict(ref, relate.Orphan, nobodyAtFIFO, "it was last used 1h ago")
		daemon := kerneltest.Start(t, "wait")
		s.files(func() { s.check(os.Chmod(path, 0o640)) })
		s.wantVerdict(ref, relate.Suspect, nobodyAtFIFO, s.possibleUser(daemon.PID, os.Getuid(), s.changed(path)))
		opener := kerneltest.Start(t, "open-fifo", path)
		s.opensFIFO(opener.PID)
		s.wantVerdict(ref, relate.Live,
			fmt.Sprintf("%d/%s waits in open for reading", opener.PID, s.end(opener.PID).Comm))
		fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
		s.check(err)
		defer unix.Close(fd)
		kerneltest.Eventually(t, "its opener has it open",
			func() bool { return len(s.verdicts(schema.Fifo)[ref].Reasons) == 2 })
		s.wantVerdict(ref, relate.Live, fmt.Sprintf("%d/%s has it open", os.Getpid(), s.end(os.Getpid()).Comm),
			fmt.Sprintf("%d/%s has it open", opener.PID, s.end(opener.PID).Comm))
	})
}

// workOpenFIFO waits for the other end of a FIFO.
func workOpenFIFO(j *kerneltest.Job) {
	j.Ready()
	_, err := unix.Open(j.Args[0], unix.O_RDONLY, 0)
	j.Check(err)
	j.Wait()
}

func (s *sysvScene) opensFIFO(pid int) {
	s.Helper()
	kerneltest.Eventually(s, "the FIFO's open waits", func() bool {
		dir, err := s.host.OpenProc(pid)
		s.check(err)
		defer dir.Close()
		calls, err := dir.BlockedCalls(make([]byte, 8<<10), func(nr int) bool { return nr == unix.SYS_OPENAT })
		s.check(err)
		return len(calls) == 1
	})
}

func (s *sysvScene) bind(path string) (fd int) {
	s.Helper()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	s.check(err)
	s.check(unix.Bind(fd, &unix.SockaddrUnix{Name: path}))
	return fd
}

func TestStaleSocketPath(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		const path = "/dev/shm/it's"
		var fd int
		s.files(func() { fd = s.bind(path) })
		s.wantVerdict(fmt.Sprintf("unix:%d", s.inode(fd)), relate.Live,
			fmt.Sprintf("%d/%s has its socket open", os.Getpid(), s.end(os.Getpid()).Comm))
		s.check(unix.Close(fd))
		s.wantVerdict("unix:"+path, relate.Orphan, nobodyBound, "it was last used 1h ago")
	}, unix.CLONE_NEWNET)
}

// workBindElsewhere binds a socket in its own network namespace.
func workBindElsewhere(j *kerneltest.Job) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
	j.Check(err)
	j.Check(unix.Bind(fd, &unix.SockaddrUnix{Name: j.Args[0]}))
	j.Ready()
	j.Wait()
}

// workBindAndLeave binds a socket in a network namespace that only its thread is in. Then the thread leaves the
// namespace, and the socket keeps it.
func workBindAndLeave(j *kerneltest.Job) {
	runtime.LockOSThread()
	home, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	j.Check(err)
	j.Check(unix.Unshare(unix.CLONE_NEWNET))
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
	j.Check(err)
	j.Check(unix.Bind(fd, &unix.SockaddrUnix{Name: j.Args[0]}))
	j.Check(unix.Setns(home, unix.CLONE_NEWNET))
	j.Check(unix.Close(home))
	j.Ready()
	j.Wait()
}

// A path leads to a socket in any network namespace.
func TestSocketPathOfAnotherNetworkNamespace(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		kerneltest.StartIn(t, unix.CLONE_NEWNET, "bind-elsewhere", "/dev/shm/other")
		if got, listed := s.verdicts(schema.Unix)["unix:/dev/shm/other"]; listed {
			t.Errorf("a path with a socket is listed as stale: %+v", got)
		}
	}, unix.CLONE_NEWNET)
}

func TestSocketPathOfANamespaceThatNobodyIsIn(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		kerneltest.Start(t, "bind-and-leave", "/dev/shm/lost")
		if got, listed := s.verdicts(schema.Unix)["unix:/dev/shm/lost"]; listed {
			t.Errorf("a path with a socket is listed as stale: %+v", got)
		}
	}, unix.CLONE_NEWNET)
}

// An ordinary user may not look into other processes. So he cannot know that nobody has a FIFO open.
func TestStalePathsWithoutRights(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		if os.Getuid() != 0 || !mayBecome(1234) {
			t.Skip("needs an ordinary user beside root")
		}
		s := newSysVScene(t)
		s.check(unix.Mkfifo("/dev/shm/f", 0o600))
		s.check(unix.Close(s.bind("/dev/shm/s")))
		got := s.verdictsAsUser(1234, schema.Fifo, schema.Unix)
		for _, ref := range []string{s.fifoRef("/dev/shm/f"), "unix:/dev/shm/s"} {
			if got[ref].Verdict != relate.Unknown {
				t.Errorf("%s: %+v", ref, got[ref])
			}
		}
	}, unix.CLONE_NEWNET)
}

// A file server that never answers does not block the search for files. A directory below a mount is recognised by its
// path only.
func TestRuntimeDirectoriesWithADeadMount(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		s.check(os.Mkdir("/dev/shm/dead", 0o700))
		s.check(syscall.Mkfifo("/dev/shm/top", 0o600))
		s.deadMount("/dev/shm/dead")
		if _, ok := s.verdicts(schema.Fifo)[s.fifoRef("/dev/shm/top")]; !ok {
			t.Error("the FIFO beside it is not listed")
		}
	})
}

// Links are not followed. If a file has two names, one of them is shown.
func TestRuntimeDirectories(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		s.check(os.MkdirAll("/dev/shm/1/2/3/4/5/6", 0o700))
		for _, path := range []string{"/dev/shm/top", "/dev/shm/1/2/3/4/5/deepest", "/dev/shm/1/2/3/4/5/6/deeper"} {
			s.check(syscall.Mkfifo(path, 0o600))
		}
		s.check(os.Symlink("/dev/shm/1", "/dev/shm/1/2/back"))
		s.check(os.Link("/dev/shm/top", "/dev/shm/twice"))
		found := s.host.SpecialFiles(vfs.PathScan{Roots: []string{"/dev/shm"}, Depth: 5, Most: 100, MostIn: 100})
		var names []string
		for _, f := range found.Files {
			names = append(names, f.Name)
		}
		want := map[string]bool{"/dev/shm/top": true, "/dev/shm/twice": true, "/dev/shm/1/2/3/4/5/deepest": true}
		for _, n := range names {
			if !want[n] {
				t.Errorf("found %s", n)
			}
		}
		if len(names) != len(want) || len(found.Cut) > 0 {
			t.Errorf("found %q, cut %q", names, found.Cut)
		}
		n := 0
		for ref := range s.verdicts(schema.Fifo) {
			if ref == s.fifoRef("/dev/shm/top") {
				n++
			}
		}
		if n != 1 {
			t.Errorf("a file with two names is there %d times", n)
		}
	})
}

// A full directory hides neither its neighbours nor other roots. What is left out is named.
func TestRuntimeDirectoriesWithTooManyFiles(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		fill := func(dir string, n int) {
			s.check(os.MkdirAll(dir, 0o700))
			for i := range n {
				s.check(os.WriteFile(fmt.Sprintf("%s/%03d", dir, i), nil, 0o600))
			}
		}
		fifo := func(dir string) string {
			s.check(os.MkdirAll(dir, 0o700))
			s.check(syscall.Mkfifo(dir+"/fifo", 0o600))
			return dir + "/fifo"
		}
		fill("/dev/shm/a/full", 40)
		beside := fifo("/dev/shm/a/beside")
		fill("/dev/shm/b/1/deep", 25)
		fill("/dev/shm/b/2/deep", 25)
		other := fifo("/dev/shm/c")
		look := func(scan vfs.PathScan) (names, cut []string) {
			scan.Depth = 5
			found := s.host.SpecialFiles(scan)
			for _, f := range found.Files {
				names = append(names, f.Name)
			}
			slices.Sort(found.Cut)
			return names, found.Cut
		}
		names, cut := look(vfs.PathScan{Roots: []string{"/dev/shm/a"}, Most: 100, MostIn: 30})
		s.equal("beside a full directory", []string{beside}, names)
		s.equal("the full directory", []string{"/dev/shm/a/full"}, cut)
		names, cut = look(vfs.PathScan{Roots: []string{"/dev/shm/b", "/dev/shm/c"}, Most: 40, MostIn: 40})
		s.equal("after a full root", []string{other}, names)
		s.equal("the full root", []string{"/dev/shm/b"}, cut)
		names, cut = look(vfs.PathScan{Roots: []string{"/dev/shm"}, Most: 1000, MostIn: 100})
		slices.Sort(names)
		s.equal("within the limits", []string{beside, other}, names)
		s.equal("nothing cut", []string(nil), cut)
	})
}
