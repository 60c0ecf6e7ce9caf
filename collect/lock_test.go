package collect

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/fdinfo"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/schema"
)

// lockScene is a scene with files to lock, in the /dev/shm of its namespace.
type lockScene struct {
	*scene
	dir string
}

func newLockScene(t *testing.T) *lockScene { return &lockScene{newScene(t), "/dev/shm"} }

// compareLocks compares the locks on the files of the scene. OFD locks of the whole machine are seen as well, because
// /proc/locks names no process for them.
func (s *lockScene) compareLocks(want map[string]cells, edges []string) {
	s.Helper()
	s.compareIf(schema.Lock, s.here, want, edges)
}

// here reports true if a lock is on the file system of the scene.
func (s *lockScene) here(ref string) bool {
	var st unix.Stat_t
	s.check(unix.Stat(s.dir, &st))
	return strings.HasPrefix(ref, "lock:") && strings.HasSuffix(ref, "@"+schema.FormatDev(st.Dev))
}

// locks returns the locks of the scene, and the snapshot that has them.
func (s *lockScene) locks() ([]*schema.Object, *Snapshot) {
	snap := s.take(schema.Lock)
	return slices.DeleteFunc(slices.Clone(snap.Objects[schema.Lock]),
		func(o *schema.Object) bool { return !s.here(o.Ref.String()) }), snap
}

// open opens a file with this name. The file is 7 bytes long.
func (s *lockScene) open(name string, flags int) int {
	s.Helper()
	path := filepath.Join(s.dir, name)
	if _, err := os.Stat(path); err != nil {
		s.check(os.WriteFile(path, []byte("content"), 0o600))
	}
	return s.keep(unix.Open(path, flags|unix.O_CLOEXEC, 0))
}

// ref is the name of a lock on the file behind a descriptor.
func (s *lockScene) ref(fd int, class string, pid string, span string) string {
	var st unix.Stat_t
	s.check(unix.Fstat(fd, &st))
	return fmt.Sprintf("lock:%d/%s/%s/%s@%s", st.Ino, strings.ToLower(class), pid, span, schema.FormatDev(st.Dev))
}

func (s *lockScene) cells(name string, fd int, class, mode string, more cells) cells {
	var st unix.Stat_t
	s.check(unix.Fstat(fd, &st))
	c := cells{"command": schema.String(s.self.Comm), "type": schema.String(class), "mode": schema.String(mode),
		"m":           schema.Bool(false),
		"range_start": schema.Int(0), "size": schema.Bytes(7), "inode": schema.Int(int64(st.Ino)),
		"maj_min": schema.String(schema.FormatDev(st.Dev)),
		"path":    schema.String(filepath.Join(s.dir, name)), "holders": ends(s.at(fd)), "waiters": ends()}
	if class != "OFDLCK" {
		c["pid"] = schema.Int(int64(s.self.PID))
	}
	for id, v := range more {
		c[id] = v
	}
	return c
}

// lockRange takes a lock with fcntl, or waits for it.
func lockRange(fd, cmd int, typ int16, start, length int64) error {
	return unix.FcntlFlock(uintptr(fd), cmd, &unix.Flock_t{Type: typ, Start: start, Len: length})
}

// workLock waits for a lock on a path: flock, posix, ofd or open. It prints its thread and its descriptor before it
// sleeps.
func workLock(j *kerneltest.Job) {
	fd := -1
	var err error
	if j.Args[0] != "open" {
		fd, err = unix.Open(j.Args[1], unix.O_RDWR, 0)
		j.Check(err)
	}
	done := make(chan error)
	tid := make(chan int)
	go func() {
		// The goroutine must stay on the thread whose number it prints.
		runtime.LockOSThread()
		tid <- unix.Gettid()
		switch j.Args[0] {
		case "flock":
			done <- unix.Flock(fd, unix.LOCK_EX)
		case "posix":
			done <- lockRange(fd, unix.F_SETLKW, unix.F_WRLCK, 12, 8)
		case "ofd":
			done <- lockRange(fd, unix.F_OFD_SETLKW, unix.F_RDLCK, 50, 0)
		case "open":
			_, err := unix.Open(j.Args[1], unix.O_WRONLY, 0)
			done <- err
		}
	}()
	j.Ready(<-tid, fd)
	j.Check(<-done)
}

// wait starts a process that waits for a lock.
func (s *lockScene) wait(sort, name, mode string) schema.Endpoint {
	s.Helper()
	w := kerneltest.Start(s, "lock", sort, filepath.Join(s.dir, name))
	tid, err := strconv.Atoi(w.Words[0])
	s.check(err)
	fd, err := strconv.Atoi(w.Words[1])
	s.check(err)
	for _, o := range s.take(schema.Proc).Objects[schema.Proc] {
		if p := o.Row.(*kinds.ProcRow); p.PID == w.PID {
			return schema.Endpoint{PID: w.PID, TID: tid, Comm: p.Comm, FD: fd, Mode: mode, Start: p.Start}
		}
	}
	s.Fatal("the waiter is gone")
	return schema.Endpoint{}
}

func TestFlock(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newLockScene(t)
		fd := s.open("a file", unix.O_RDWR)
		s.check(unix.Flock(fd, unix.LOCK_EX))
		cat := s.give(fd) // it shares the open file description, and so the lock
		other := s.open("a file", unix.O_RDONLY)
		waiter := s.wait("flock", "a file", "flock WRITE")
		ref := s.ref(other, "flock", strconv.Itoa(s.self.PID), "0-EOF")
		s.compareLocks(map[string]cells{
			ref: s.cells("a file", fd, "FLOCK", "WRITE",
				cells{"holders": ends(s.at(fd), cat), "waiters": ends(waiter)}),
		}, []string{s.holdsRef(ref, fd), edge(procRef(cat), "holds", ref, "fd 3"),
			edge(procRef(waiter), "waits_on", ref, "flock WRITE")})
	})
}

// takeAndEnd makes flock(1) lock the file behind a descriptor. Scripts do this: "exec 9>f; flock 9".
func (s *lockScene) takeAndEnd(fd int, how string) {
	s.Helper()
	dup, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	s.check(err)
	file := os.NewFile(uintptr(dup), "locked")
	defer file.Close()
	cmd := exec.Command("flock", how, "3")
	cmd.ExtraFiles = []*os.File{file}
	if out, err := cmd.CombinedOutput(); err != nil {
		s.Fatalf("flock: %v: %s", err, out)
	}
}

// /proc/locks of a nested pid namespace lists no lock whose taker has ended, and no waiter of such a lock.
func TestFlockWhoseTakerHasEnded(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newLockScene(t)
		one, two, more := s.open("one", unix.O_RDWR), s.open("two", unix.O_RDWR), s.open("two", unix.O_RDWR)
		s.takeAndEnd(one, "--exclusive")
		s.takeAndEnd(two, "--shared")
		s.takeAndEnd(more, "--shared")
		cat := s.give(one)
		text, err := os.ReadFile("/proc/locks")
		s.check(err)
		if strings.Contains(string(text), "FLOCK") {
			t.Fatalf("/proc/locks lists them: %s", text)
		}
		first, second := s.wait("flock", "one", "flock WRITE"), s.wait("flock", "two", "flock WRITE")
		refs := []string{s.ref(one, "flock", "0", "0-EOF"), s.ref(two, "flock", "0", "0-EOF"),
			s.ref(two, "flock", "0."+strconv.Itoa(more), "0-EOF")}
		rows := map[string]cells{
			refs[0]: s.cells("one", one, "FLOCK", "WRITE",
				cells{"holders": ends(s.at(one), cat), "waiters": ends(first)}),
			refs[1]: s.cells("two", two, "FLOCK", "READ", cells{"waiters": ends(second)}),
			refs[2]: s.cells("two", more, "FLOCK", "READ", nil),
		}
		for _, c := range rows {
			delete(c, "pid") // the lock belongs to no process
		}
		s.compareLocks(rows, []string{
			s.holdsRef(refs[0], one), edge(procRef(cat), "holds", refs[0], "fd 3"),
			edge(procRef(first), "waits_on", refs[0], "flock WRITE"),
			s.holdsRef(refs[1], two), edge(procRef(second), "waits_on", refs[1], "flock WRITE"),
			s.holdsRef(refs[2], more),
		})
	})
}

// /proc/locks indents a waiter of a waiter once more. It also waits for the lock.
func TestWaiterOfAWaiter(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newLockScene(t)
		fd := s.open("queue", unix.O_RDWR)
		s.check(unix.Flock(fd, unix.LOCK_SH))
		ref := s.ref(fd, "flock", strconv.Itoa(s.self.PID), "0-EOF")
		want := func(waiters ...schema.Endpoint) {
			edges := []string{s.holdsRef(ref, fd)}
			for _, w := range waiters {
				edges = append(edges, edge(procRef(w), "waits_on", ref, "flock WRITE"))
			}
			s.compareLocks(map[string]cells{ref: s.cells("queue", fd, "FLOCK", "READ",
				cells{"waiters": ends(waiters...)})},
				edges)
		}
		first := s.wait("flock", "queue", "flock WRITE")
		want(first)
		second := s.wait("flock", "queue", "flock WRITE")
		want(first, second)
		text, err := os.ReadFile("/proc/locks")
		s.check(err)
		if !strings.Contains(string(text), ":  -> FLOCK") {
			t.Errorf("no waiter of a waiter in %q", text)
		}
	})
}

func TestPOSIXAndOFDLocks(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newLockScene(t)
		posix, ofd := s.open("posix", unix.O_RDWR), s.open("ofd", unix.O_RDWR)
		s.check(lockRange(posix, unix.F_SETLK, unix.F_WRLCK, 10, 90))
		s.check(lockRange(ofd, unix.F_OFD_SETLK, unix.F_WRLCK, 10, 90))
		posixWaiter, ofdWaiter := s.wait("posix", "posix", "fcntl WRITE 12-19"),
			s.wait("ofd", "ofd", "fcntl READ 50-EOF")
		pid := strconv.Itoa(s.self.PID)
		posixRef, ofdRef := s.ref(posix, "posix", pid, "10-99"), s.ref(ofd, "ofdlck", pid, "10-99")
		span := cells{"range_start": schema.Int(10), "range_end": schema.Int(99)}
		with := func(waiter schema.Endpoint) cells {
			return cells{"range_start": span["range_start"], "range_end": span["range_end"], "waiters": ends(waiter)}
		}
		s.compareLocks(map[string]cells{
			posixRef: s.cells("posix", posix, "POSIX", "WRITE", with(posixWaiter)),
			ofdRef:   s.cells("ofd", ofd, "OFDLCK", "WRITE", with(ofdWaiter)),
		}, []string{s.holdsRef(posixRef, posix), s.holdsRef(ofdRef, ofd),
			edge(procRef(posixWaiter), "waits_on", posixRef, posixWaiter.Mode),
			edge(procRef(ofdWaiter), "waits_on", ofdRef, ofdWaiter.Mode)})
	})
}

// One process opened two descriptions, and each has a shared lock. Their lines in /proc/locks are equal, but they are
// two locks.
func TestEqualLocksOfOneProcess(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newLockScene(t)
		a, b := s.open("shared", unix.O_RDONLY), s.open("shared", unix.O_RDONLY)
		for _, fd := range []int{a, b} {
			s.check(unix.Flock(fd, unix.LOCK_SH))
		}
		pid := strconv.Itoa(s.self.PID)
		first, second := s.ref(a, "flock", pid, "0-EOF"), s.ref(a, "flock", pid+"."+strconv.Itoa(b), "0-EOF")
		s.compareLocks(map[string]cells{
			first: s.cells("shared", a, "FLOCK", "READ", nil), second: s.cells("shared", b, "FLOCK", "READ", nil),
		}, []string{s.holdsRef(first, a), s.holdsRef(second, b)})
	})
}

// A lease is breaking while somebody opens its file, and the open waits (man 2 F_SETLEASE). SIGIO would tell the
// holder.
func TestLeases(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newLockScene(t)
		fd := s.open("leased", unix.O_RDONLY)
		s.check(setSig(fd, int(syscall.SIGURG))) // this signal is ignored by default
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, unix.F_RDLCK); err != nil {
			t.Fatalf("F_SETLEASE: %v", err)
		}
		ref := s.ref(fd, "lease", strconv.Itoa(s.self.PID), "0-EOF")
		s.compareLocks(map[string]cells{ref: s.cells("leased", fd, "LEASE", "READ", nil)},
			[]string{s.holdsRef(ref, fd)})
		waiter := s.wait("open", "leased", "open WRITE")
		waiter.TID = 0 // the line names only the process
		// While the lease breaks, /proc/locks shows the type that it will have.
		s.compareLocks(map[string]cells{
			ref: s.cells("leased", fd, "LEASE", "UNLCK",
				cells{"status": schema.String("breaking"), "waiters": ends(waiter)}),
		}, []string{s.holdsRef(ref, fd), edge(procRef(waiter), "waits_on", ref, "open WRITE")})
		_, err := unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, unix.F_UNLCK)
		s.check(err)
	})
}

func setSig(fd, sig int) error {
	const fSetSig = 10
	_, _, e := unix.Syscall(unix.SYS_FCNTL, uintptr(fd), fSetSig, uintptr(sig))
	if e != 0 {
		return e
	}
	return nil
}

// lockLine is a line of lslocks: a lock, or a request that waits for one.
type lockLine struct {
	fdinfo.FileLock
	mark string
}

func waitingLines(r *kinds.LockRow) []lockLine {
	var lines []lockLine
	for _, w := range r.Waiters {
		lines = append(lines, lockLine{w, "*"})
	}
	return lines
}

// An ordinary user sees the holder of a lock only in /proc/locks. He cannot know whether others share the description.
func TestLocksOfForeignProcesses(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to become another user: a user namespace of an ordinary user has one uid only")
	}
	kerneltest.InNamespace(t, func() {
		s := newLockScene(t)
		s.open("held", unix.O_RDWR)
		cat := exec.Command("flock", filepath.Join(s.dir, "held"), "cat")
		in, err := cat.StdinPipe()
		s.check(err)
		s.check(cat.Start())
		defer cat.Wait()
		defer in.Close()
		s.check(syscall.Setresuid(1000, 1000, 1000))
		s.check(unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0))
		var held []*schema.Object
		var snap *Snapshot
		kerneltest.Eventually(t, "the lock", func() bool { held, snap = s.locks(); return len(held) == 1 })
		rows, edges := table(snap, schema.Lock)
		ref := held[0].Ref.String()
		holders := rows[ref]["holders"]
		if e := holders.Endpoints(); len(e) != 1 || e[0].PID != cat.Process.Pid || e[0].FD != -1 || !holders.Partial() {
			t.Errorf("holders %+v", holders)
		}
		want := []string{edge("proc:"+strconv.Itoa(cat.Process.Pid), "holds", ref, "flock WRITE")}
		want[0] = strings.Replace(want[0], "observed", "inferred", 1)
		if diff := gocmp.Diff(want, edges); diff != "" {
			t.Error(diff)
		}
	})
}

// ipctop shows the same locks as lslocks. lslocks has a row for each waiting request, marked with "*", and ipctop shows
// it as a waiter of the lock. The process of an OFD lock is -1 there, and the end of the file is 0.
func TestLocksAgainstLslocks(t *testing.T) {
	lslocks, err := exec.LookPath("lslocks")
	if err != nil {
		if os.Geteuid() == 0 {
			t.Fatal("lslocks is missing: install util-linux")
		}
		t.Skip("needs lslocks of util-linux")
	}
	kerneltest.InNamespace(t, func() {
		s := newLockScene(t)
		flock, posix, ofd := s.open("flock", unix.O_RDWR), s.open("posix", unix.O_RDWR), s.open("ofd", unix.O_RDWR)
		s.check(unix.Flock(flock, unix.LOCK_SH))
		s.check(lockRange(posix, unix.F_SETLK, unix.F_WRLCK, 10, 90))
		s.check(lockRange(ofd, unix.F_OFD_SETLK, unix.F_RDLCK, 77, 0))
		s.wait("flock", "flock", "")
		s.wait("posix", "posix", "")
		theirs := func() []string {
			out, err := exec.Command(lslocks, "--noheadings", "--raw", "--notruncate", "--output",
				"TYPE,PID,MODE,START,END,PATH").Output()
			s.check(err)
			var lines []string
			for line := range strings.Lines(string(out)) {
				// lslocks knows no process of an OFD lock, and so no path.
				if f := strings.Fields(line); strings.HasPrefix(f[len(f)-1], s.dir) ||
					f[0] == "OFDLCK" && f[3] == "77" {
					lines = append(lines, strings.Join(f[:5], " "))
				}
			}
			slices.Sort(lines)
			return lines
		}
		ours := func() []string {
			var lines []string
			held, _ := s.locks()
			for _, o := range held {
				r := o.Row.(*kinds.LockRow)
				for i, l := range append([]lockLine{{r.FileLock, ""}}, waitingLines(r)...) {
					if i > 0 && r.Waits[i-1].End.PID != l.PID {
						t.Errorf("%+v waits, and the line says %+v", r.Waits[i-1], l)
					}
					end := strings.Replace(strings.SplitAfter(l.Range(), "-")[1], "EOF", "0", 1)
					lines = append(lines, fmt.Sprintf("%s %d %s%s %d %s", l.Class, l.PID, l.Mode, l.mark, l.Start, end))
				}
			}
			slices.Sort(lines)
			return lines
		}
		kerneltest.Eventually(t, "five lines", func() bool { return len(ours()) == 5 })
		if diff := gocmp.Diff(theirs(), ours()); diff != "" {
			t.Errorf("-lslocks +ipctop\n%s", diff)
		}
	})
}
