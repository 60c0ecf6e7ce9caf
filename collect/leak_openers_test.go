package collect

import (
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
	"slices"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
)

// workOpenFIFOFrom opens a FIFO in one of several ways, from a directory. It sleeps until the other end is opened.
func workOpenFIFOFrom(j *kerneltest.Job) {
	how, dir, name := j.Args[0], j.Args[1], j.Args[2]
	at, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	j.Check(err)
	if how == "chroot" {
		j.Check(unix.Chroot(dir))
	}
	path, err := unix.BytePtrFromString(name)
	j.Check(err)
	flags := unix.OpenHow{Flags: unix.O_RDONLY}
	j.Ready()
	var e unix.Errno
	switch how {
	case "openat2":
		_, _, e = unix.Syscall6(unix.SYS_OPENAT2, uintptr(at), uintptr(unsafe.Pointer(path)),
			uintptr(unsafe.Pointer(&flags)), unix.SizeofOpenHow, 0, 0)
	default:
		_, _, e = unix.Syscall6(unix.SYS_OPENAT, uintptr(at), uintptr(unsafe.Pointer(path)), unix.O_RDONLY, 0, 0, 0)
	}
	if e != 0 {
		j.Check(e)
	}
	j.Wait()
}

// opening waits until a worker sleeps in an open, and returns the words for it in a reason.
func (s *sysvScene) opening(pid int) (who string) {
	s.Helper()
	kerneltest.Eventually(s, "the FIFO's open waits", func() bool {
		dir, err := s.host.OpenProc(pid)
		s.check(err)
		defer dir.Close()
		calls, err := dir.BlockedCalls(make([]byte, 8<<10),
			func(nr int) bool { return nr == unix.SYS_OPENAT || nr == unix.SYS_OPENAT2 })
		s.check(err)
		return len(calls) == 1
	})
	return fmt.Sprintf("%d/%s", pid, s.end(pid).Comm)
}

// stop stops a process.
func (s *sysvScene) stop(pid int) {
	s.Helper()
	s.check(unix.Kill(pid, unix.SIGSTOP))
	kerneltest.Eventually(s, "it is stopped", func() bool {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		s.check(err)
		p, err := process.ParseProcStat(text)
		s.check(err)
		return p.State == 'T'
	})
}

// A FIFO is in use if somebody waits in open. The path may start at the descriptor of a directory, or at a link in
// another root directory.
func TestFIFOThatIsOpenedInOtherWays(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		for how, name := range map[string]string{"openat": "d/fifo", "openat2": "d/fifo", "linked": "link/fifo",
			"chroot": "/absolute/fifo"} {
			if how == "chroot" && os.Getuid() != 0 {
				continue // needs CAP_SYS_CHROOT
			}
			s := newSysVScene(t)
			dir := "/dev/shm/" + how
			s.files(func() {
				s.check(os.MkdirAll(dir+"/d", 0o700))
				s.check(os.Symlink("d", dir+"/link"))
				s.check(os.Symlink("/d", dir+"/absolute"))
				s.check(unix.Mkfifo(dir+"/d/fifo", 0o600))
			})
			w := kerneltest.Start(t, "open-fifo-from", how, dir, name)
			who := s.opening(w.PID)
			s.wantVerdict(s.fifoRef(dir+"/d/fifo"), relate.Live, who+" waits in open for reading")
		}
	})
}

// The path to the FIFO may be gone, or its opener may be stopped. Then any FIFO may be the one that is opened.
func TestFIFOsWhileAnOpenersCannotBeTold(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		s.files(func() {
			for _, d := range []string{"a", "b"} {
				s.check(os.Mkdir("/dev/shm/"+d, 0o700))
				s.check(unix.Mkfifo("/dev/shm/"+d+"/fifo", 0o600))
			}
		})
		wants := func(what string, opener *kerneltest.Worker, paths ...string) {
			t.Helper()
			for _, path := range paths {
				s.wantJudgement(path+", "+what, s.verdicts(schema.Fifo)[s.fifoRef(path)], relate.Unknown,
					fmt.Sprintf("which FIFO these wait to open cannot be told, it may be this one: %d/%s", opener.PID,
						s.end(opener.PID).Comm))
			}
		}
		moved := kerneltest.Start(t, "open-fifo", "/dev/shm/a/fifo")
		s.opening(moved.PID)
		s.check(os.Rename("/dev/shm/a", "/dev/shm/c"))
		wants("whose directory was renamed", moved, "/dev/shm/c/fifo", "/dev/shm/b/fifo")
		moved.Kill()
		stopped := kerneltest.Start(t, "open-fifo", "/dev/shm/b/fifo")
		s.opening(stopped.PID)
		s.stop(stopped.PID)
		wants("whose opener is stopped", stopped, "/dev/shm/c/fifo", "/dev/shm/b/fifo")
	})
}

// A process that is stopped in a call on a queue or set repeats the call later. The kernel does not count it as a
// waiter.
func TestQueueAndSetThatAStoppedProcessWaitsOn(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		queue, set := s.id(s.admin.MsgGet(sysv.KeyPrivate, createIPC|0o600)),
			s.id(s.admin.SemGet(sysv.KeyPrivate, 1, createIPC|0o600))
		receiver, taker := kerneltest.Start(t, "receive", fmt.Sprint(queue)),
			kerneltest.Start(t, "semop", fmt.Sprint(set), "0", "-1")
		live := func(kind schema.Kind, id int) bool {
			return s.verdicts(kind)[fmt.Sprintf("%s:%d", kind, id)].Verdict == relate.Live
		}
		kerneltest.Eventually(t, "both wait", func() bool { return live(schema.Msg, queue) && live(schema.Sem, set) })
		s.stop(receiver.PID)
		s.stop(taker.PID)
		s.wantVerdict(fmt.Sprintf("msg:%d", queue), relate.Live,
			fmt.Sprintf("%d/%s waited in msgrcv type 77 before it was stopped, and is stopped", receiver.PID,
				s.end(receiver.PID).Comm))
		s.wantVerdict(fmt.Sprintf("sem:%d", set), relate.Live,
			fmt.Sprintf("%d/%s waited in semop [0] -1 before it was stopped, and is stopped", taker.PID,
				s.end(taker.PID).Comm))
	})
}

// openByIOUring makes a worker of io_uring open a file (struct io_uring_params and io_uring_sqe in
// include/uapi/linux/io_uring.h).
func (s *sysvScene) openByIOUring(path string) (ring int) {
	s.Helper()
	const (
		tailAt, arrayAt            = 44, 64 // offsets in io_uring_params
		sqes, openAt, asynchronous = 0x10000000, 18, 1 << 4
	)
	var params [120]byte
	fd, _, e := unix.Syscall(unix.SYS_IO_URING_SETUP, 8, uintptr(unsafe.Pointer(&params)), 0)
	if e == unix.EPERM || e == unix.ENOSYS {
		return -1
	}
	if e != 0 {
		s.Fatal(e)
	}
	ring = int(fd)
	at := func(offset int) uint32 { return binary.NativeEndian.Uint32(params[offset:]) }
	queue, err := unix.Mmap(ring, 0, int(at(arrayAt)+4*at(0)), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	s.check(err)
	entry, err := unix.Mmap(ring, sqes, int(64*at(0)), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	s.check(err)
	name, err := unix.BytePtrFromString(path)
	s.check(err)
	s.Cleanup(func() { runtime.KeepAlive(name) })
	at64 := int64(unix.AT_FDCWD)
	entry[0], entry[1] = openAt, asynchronous
	binary.NativeEndian.PutUint32(entry[4:], uint32(at64))
	binary.NativeEndian.PutUint64(entry[16:], uint64(uintptr(unsafe.Pointer(name))))
	binary.NativeEndian.PutUint32(queue[at(tailAt):], 1) // the array holds 0, the index of the first entry
	if _, _, e := unix.Syscall6(unix.SYS_IO_URING_ENTER, fd, 1, 0, 0, 0, 0); e != 0 {
		s.Fatal(e)
	}
	return ring
}

// A worker of io_uring is in no system call, so nothing shows what it opens. This does not make it a 32-bit task.
func TestFIFOThatIOUringOpens(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		s.files(func() { s.check(unix.Mkfifo("/dev/shm/fifo", 0o600)) })
		queue := fmt.Sprintf("msg:%d", s.id(s.admin.MsgGet(sysv.KeyPrivate, createIPC|0o600)))
		ring := s.openByIOUring("/dev/shm/fifo")
		if ring < 0 {
			t.Skip("needs io_uring, which this host refuses")
		}
		defer unix.Close(ring)
		want := fmt.Sprintf("which FIFO these wait to open cannot be told, it may be this one: %d/%s", os.Getpid(),
			s.end(os.Getpid()).Comm)
		kerneltest.Eventually(t, "a worker opens the FIFO", func() bool {
			got := s.verdicts(schema.Fifo)[s.fifoRef("/dev/shm/fifo")]
			return got.Verdict == relate.Unknown && slices.Contains(got.Reasons, want)
		})
		if got := s.verdicts(schema.Msg)[queue]; got.Verdict != relate.Orphan {
			t.Errorf("%+v", got)
		}
	})
}
