package process

import (
	"errors"
	"fmt"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/sysv"
)

// Script is the program of a bare process: system calls, one after the other. It ignores their results. A bare
// process has a single thread, like most C programs. A Go program has threads that never stop, so it is never
// deadlocked as a whole.
type Script struct {
	calls []bareCall
	keep  []any // memory that the calls point to
}

type bareCall struct {
	nr   uintptr
	args [6]uintptr
}

// Raw adds a system call. If an argument points to memory, the caller must pass that memory to Keep.
func (s *Script) Raw(nr uintptr, args ...uintptr) *Script {
	c := bareCall{nr: nr}
	copy(c.args[:], args)
	s.calls = append(s.calls, c)
	return s
}

// Keep keeps memory alive that a call points to, and returns its address. The memory must be on the heap, or mapped.
func (s *Script) Keep(object any, at unsafe.Pointer) uintptr {
	s.keep = append(s.keep, object)
	return uintptr(at)
}

// Name sets the process's command name (PR_SET_NAME). The kernel keeps 15 bytes of it.
func (s *Script) Name(name string) *Script {
	text := make([]byte, 16)
	copy(text[:15], name)
	return s.Raw(unix.SYS_PRCTL, unix.PR_SET_NAME, s.Keep(text, unsafe.Pointer(&text[0])))
}

// SemOp adds semop on a set.
func (s *Script) SemOp(id int, ops ...sysv.SemOp) *Script {
	list := append([]sysv.SemOp(nil), ops...)
	return s.Raw(unix.SYS_SEMTIMEDOP, uintptr(id), s.Keep(list, unsafe.Pointer(&list[0])), uintptr(len(list)), 0)
}

// Read adds a read of one byte. The read waits for a writer's byte, or for the last writer to close.
func (s *Script) Read(fd int) *Script {
	buf := make([]byte, 1)
	return s.Raw(unix.SYS_READ, uintptr(fd), s.Keep(buf, unsafe.Pointer(&buf[0])), 1)
}

// Write adds a write of n bytes.
func (s *Script) Write(fd, n int) *Script {
	buf := make([]byte, n)
	return s.Raw(unix.SYS_WRITE, uintptr(fd), s.Keep(buf, unsafe.Pointer(&buf[0])), uintptr(n))
}

// OnPath adds a call whose arguments are AT_FDCWD, a path and 0: SYS_MKDIRAT, SYS_FCHMODAT.
func (s *Script) OnPath(nr uintptr, path string) *Script {
	here, text := unix.AT_FDCWD, append([]byte(path), 0)
	return s.Raw(nr, uintptr(here), s.Keep(text, unsafe.Pointer(&text[0])), 0)
}

// Close adds a close.
func (s *Script) Close(fd int) *Script { return s.Raw(unix.SYS_CLOSE, uintptr(fd)) }

// Flock adds flock(2).
func (s *Script) Flock(fd, how int) *Script {
	return s.Raw(unix.SYS_FLOCK, uintptr(fd), uintptr(how))
}

// Sleep adds nanosleep.
func (s *Script) Sleep(d time.Duration) *Script {
	ts := new(unix.Timespec)
	*ts = unix.NsecToTimespec(int64(d))
	return s.Raw(unix.SYS_NANOSLEEP, s.Keep(ts, unsafe.Pointer(ts)), 0)
}

// Then adds all calls of another script.
func (s *Script) Then(o *Script) *Script {
	s.calls, s.keep = append(s.calls, o.calls...), append(s.keep, o.keep...)
	return s
}

// Forever is longer than any demo or test lasts.
const Forever = 100 * 365 * 24 * time.Hour

// sigactionWords is struct kernel_sigaction: handler, flags, restorer, mask (arm64 has no restorer and is shorter).
const sigactionWords = 4

// StartBare starts a child with one thread. The child runs the script and exits. It has the caller's descriptors,
// even those with close-on-exec. It handles no signal: SIGTERM ends it. It also ends with the thread that started it,
// so the caller must lock its thread (runtime.LockOSThread). The caller reaps the child.
func StartBare(s *Script) (pid int, err error) {
	if len(s.calls) == 0 {
		return 0, errors.New("start a bare process: nothing to do")
	}
	whole := &Script{keep: s.keep}
	whole.Raw(unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL))
	defaults := make([]uint64, sigactionWords)
	for sig := uintptr(1); sig <= 64; sig++ {
		if sig != uintptr(unix.SIGKILL) && sig != uintptr(unix.SIGSTOP) {
			whole.Raw(unix.SYS_RT_SIGACTION, sig, whole.Keep(defaults, unsafe.Pointer(&defaults[0])), 0, 8)
		}
	}
	mask := make([]uint64, 1)
	whole.Raw(unix.SYS_RT_SIGPROCMASK, 2 /* SIG_SETMASK */, whole.Keep(mask, unsafe.Pointer(&mask[0])), 0, 8)
	whole.calls = append(append(whole.calls, s.calls...), bareCall{nr: unix.SYS_EXIT_GROUP})

	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	// No signal may reach the child while it still has this program's handlers.
	var all, before unix.Sigset_t
	for i := range all.Val {
		all.Val[i] = ^all.Val[i]
	}
	if err := unix.PthreadSigmask(unix.SIG_BLOCK, &all, &before); err != nil {
		return 0, fmt.Errorf("start a bare process: %w", err)
	}
	child, errno := forkBare(whole.calls)
	err = unix.PthreadSigmask(unix.SIG_SETMASK, &before, nil)
	runtime.KeepAlive(whole)
	if errno != 0 {
		return 0, fmt.Errorf("start a bare process: clone: %w", errno)
	}
	return child, err
}

// forkBare is clone(2) with the flags of fork. The child has only this thread, and no Go runtime. So it allocates
// nothing, grows no stack, and calls only the kernel, like the child of syscall.forkAndExecInChild.
//
//go:noinline
//go:norace
//go:nocheckptr
func forkBare(calls []bareCall) (pid int, errno unix.Errno) {
	r1, _, errno := unix.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if errno != 0 || r1 != 0 {
		return int(r1), errno
	}
	for i := 0; i < len(calls); i++ {
		c := &calls[i]
		unix.RawSyscall6(c.nr, c.args[0], c.args[1], c.args[2], c.args[3], c.args[4], c.args[5])
	}
	for {
		unix.RawSyscall6(unix.SYS_EXIT_GROUP, 1, 0, 0, 0, 0, 0)
	}
}
