package process

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
)

// BlockedCall is the system call in which a thread sleeps: /proc/PID/task/TID/syscall (proc_pid_syscall(5)).
type BlockedCall struct {
	TID    int
	NR     int       // number of the call on this machine's architecture
	Args   [6]uint64 // the registers with the arguments
	SP, PC uint64    // stack pointer and instruction pointer at the call
}

// errNotBlocked means that the thread is on a CPU, or not inside a system call.
var errNotBlocked = errors.New("not blocked in a system call")

// ParseSyscall reads the file syscall of a thread in a call. For other threads the error is errNotBlocked, and also
// for 32-bit tasks, whose numbers mean other calls. parseTask tells the two apart.
func ParseSyscall(text []byte) (BlockedCall, error) {
	in, c, err := parseTask(text)
	if err == nil && in != InCall {
		err = errNotBlocked
	}
	if err != nil {
		return BlockedCall{}, err
	}
	return c, nil
}

// BlockedCalls lists the threads of the process that sleep in a call for which keep is true. It needs the right to
// ptrace the process; else fs.ErrPermission. It leaves out threads that end meanwhile. It costs 7 microseconds a
// thread.
func (p Dir) BlockedCalls(buf []byte, keep func(nr int) bool) ([]BlockedCall, error) {
	var calls []BlockedCall
	err := p.eachTask(buf, func(t Task) {
		if t.In == InCall && keep(t.Call.NR) {
			calls = append(calls, t.Call)
		}
	})
	return calls, err
}

func (p Dir) blockedCall(tid int, buf []byte) (BlockedCall, error) {
	text, err := p.Read("task/"+strconv.Itoa(tid)+"/syscall", buf)
	if err != nil {
		return BlockedCall{}, err
	}
	c, err := ParseSyscall(text)
	c.TID = tid
	return c, err
}

// IPCCalls is true for calls that block on a System V queue or semaphore set, on a descriptor (a POSIX queue, a pipe,
// a lock), or in the open of a FIFO. BlockedCalls takes it. Futex calls are apart: FutexCall.
func IPCCalls(nr int) bool {
	_, sysv := sysVCall(nr)
	_, file := fileCall(nr)
	return sysv || file || openCall(nr)
}

// fileCall names the calls that wait on the descriptor in their first argument.
func fileCall(nr int) (string, bool) {
	switch nr {
	case unix.SYS_READ, unix.SYS_READV, unix.SYS_PREADV2: // with offset −1 preadv2 reads like readv
		return "read", true
	case unix.SYS_WRITE, unix.SYS_WRITEV, unix.SYS_PWRITEV2:
		return "write", true
	case unix.SYS_MQ_TIMEDSEND:
		return "mq_send", true
	case unix.SYS_MQ_TIMEDRECEIVE:
		return "mq_receive", true
	case sysEpollWait, unix.SYS_EPOLL_PWAIT, unix.SYS_EPOLL_PWAIT2:
		return "epoll_wait", true
	case unix.SYS_IO_URING_ENTER:
		return "io_uring_enter", true
	case unix.SYS_FLOCK:
		return "flock", true
	case unix.SYS_FCNTL:
		return "fcntl", true
	}
	return "", false
}

// The fcntl commands that wait (include/uapi/asm-generic/fcntl.h).
const (
	fSetLKW    = 7
	fOFDSetLKW = 38
)

// File is the descriptor on which a call waits. call is "read", "write", "mq_send", "mq_receive", "epoll_wait",
// "io_uring_enter", "flock", or "fcntl" for an fcntl that waits for a lock. ok is false for other calls.
func (c BlockedCall) File() (call string, fd int, ok bool) {
	call, ok = fileCall(c.NR)
	if cmd := int(int32(c.Args[1])); call == "fcntl" && cmd != fSetLKW && cmd != fOFDSetLKW {
		return "", -1, false
	}
	return call, int(int32(c.Args[0])), ok
}

// OFDLock is true if a blocked fcntl waits for a lock of the open file description. Else the lock is the process's.
func (c BlockedCall) OFDLock() bool {
	return c.NR == unix.SYS_FCNTL && int(int32(c.Args[1])) == fOFDSetLKW
}

// FlockMode is the mode that a blocked flock(2) asks for, in the words of /proc/locks: READ (LOCK_SH) or WRITE
// (LOCK_EX).
func (c BlockedCall) FlockMode() string {
	if c.Args[1]&unix.LOCK_SH != 0 {
		return "READ"
	}
	return "WRITE"
}

// readString reads a NUL-terminated string of at most PATH_MAX bytes from another process. It reads page by page: the
// next page may not be mapped.
func (p Dir) readString(tid int, addr uint64) (string, error) {
	var text []byte
	for len(text) < unix.PathMax {
		size := int(sys.PageSize() - addr%sys.PageSize())
		buf := make([]byte, size)
		n, err := p.readSome(tid, addr, buf)
		if err != nil {
			return "", fmt.Errorf("process_vm_readv %d: %w", tid, err)
		}
		if end := bytes.IndexByte(buf[:n], 0); end >= 0 {
			return string(append(text, buf[:end]...)), nil
		}
		text, addr = append(text, buf[:n]...), addr+uint64(n)
	}
	return "", fmt.Errorf("process_vm_readv %d: %w", tid, unix.ENAMETOOLONG)
}

// sysVCall is the call's common name. glibc's semop calls semtimedop without a timeout.
func sysVCall(nr int) (string, bool) {
	switch nr {
	case unix.SYS_MSGSND:
		return "msgsnd", true
	case unix.SYS_MSGRCV:
		return "msgrcv", true
	case unix.SYS_SEMOP, unix.SYS_SEMTIMEDOP:
		return "semop", true
	}
	return "", false
}

// SysV is the call and its object: "msgsnd" or "msgrcv" and a msqid, "semop" and a semid. ok is false for other
// calls.
func (c BlockedCall) SysV() (call string, id int, ok bool) {
	call, ok = sysVCall(c.NR)
	return call, int(int32(c.Args[0])), ok
}

// MsgType is the message type for which a blocked msgrcv waits. 0 is any message. A negative type takes the lowest
// type up to its absolute value.
func (c BlockedCall) MsgType() int64 { return int64(c.Args[3]) }

// MsgSize is in bytes: the length of the message that a blocked msgsnd sends, or the buffer size of a msgrcv.
func (c BlockedCall) MsgSize() uint64 { return c.Args[2] }

// semOpsMax bounds the memory that SemOps reads; SEMOPM is 500.
const semOpsMax = 500

// SemOps reads the operations of a blocked semop from the memory of its process. It needs the right to ptrace the
// process (man 2 process_vm_readv). The thread may leave the call meanwhile: SemOps checks the thread again, and
// returns ErrOtherCall then.
func (p Dir) SemOps(c BlockedCall) ([]sysv.SemOp, error) {
	if !p.live {
		return nil, fmt.Errorf("process_vm_readv: %w", sys.ErrNotLive)
	}
	ops := make([]sysv.SemOp, min(c.Args[2], semOpsMax))
	if len(ops) == 0 {
		return nil, nil
	}
	size := len(ops) * int(unsafe.Sizeof(sysv.SemOp{}))
	if err := p.readMemory(c.TID, c.Args[1], unsafe.Slice((*byte)(unsafe.Pointer(&ops[0])), size)); err != nil {
		return nil, err
	}
	if now, err := p.blockedCall(c.TID, nil); err != nil || now != c {
		return nil, fmt.Errorf("process_vm_readv %d: %w", c.TID, errNotBlocked)
	}
	return ops, nil
}

var _ [6]byte = [unsafe.Sizeof(sysv.SemOp{})]byte{} // struct sembuf

// FutexCall is true for calls that wait for a futex. Most idle threads are in such a call.
func FutexCall(nr int) bool { return nr == unix.SYS_FUTEX }

// The second argument of a futex call (include/uapi/linux/futex.h): the operations that wait, and FUTEX_PRIVATE_FLAG.
const (
	futexWait          = 0
	futexLockPI        = 6
	futexWaitBitset    = 9
	futexWaitRequeuePI = 11
	futexLockPI2       = 13

	futexCommand = 0x7f
	futexPrivate = 0x80
)

// SharedFutex is the address of the futex on which a thread sleeps, if other processes may wake it. Most futexes are
// private: they lie in memory of one process (man 2 futex, FUTEX_PRIVATE_FLAG).
func (c BlockedCall) SharedFutex() (addr uint64, ok bool) {
	if !FutexCall(c.NR) || c.Args[1]&futexPrivate != 0 {
		return 0, false
	}
	switch c.Args[1] & futexCommand {
	case futexWait, futexLockPI, futexWaitBitset, futexWaitRequeuePI, futexLockPI2:
		return c.Args[0], true
	}
	return 0, false
}
