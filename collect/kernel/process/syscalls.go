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

// BlockedCall is the system call that a thread sleeps in: /proc/PID/task/TID/syscall (proc_pid_syscall(5)).
type BlockedCall struct {
	TID    int
	NR     int       // number of the call on this machine's architecture
	Args   [6]uint64 // as passed in registers
	SP, PC uint64    // where it was called
}

// errNotBlocked is for a thread that is not inside a system call, or on a CPU.
var errNotBlocked = errors.New("not blocked in a system call")

// ParseSyscall reads the file of a thread that is in a call; errNotBlocked for another one, and for a 32-bit task,
// whose numbers mean other calls. parseTask tells these apart.
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

// BlockedCalls lists the threads of the process that sleep in a call that keep accepts. It takes the right to ptrace
// the process; else errors.Is(err, fs.ErrPermission). Threads that end meanwhile are passed over. 7 microseconds a
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

// IPCCalls accepts the calls that block on a System V queue or semaphore set, on a descriptor (a POSIX queue, a pipe,
// a lock) or in the open of a FIFO, for BlockedCalls. Futexes are apart: FutexCall.
func IPCCalls(nr int) bool {
	_, sysv := sysVCall(nr)
	_, file := fileCall(nr)
	return sysv || file || openCall(nr)
}

// fileCall names the calls that wait for the descriptor in their first argument.
func fileCall(nr int) (string, bool) {
	switch nr {
	case unix.SYS_READ, unix.SYS_READV, unix.SYS_PREADV2: // which reads at a pipe's only place with offset -1
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

// The commands of fcntl that wait (include/uapi/asm-generic/fcntl.h).
const (
	fSetLKW    = 7
	fOFDSetLKW = 38
)

// File says which descriptor a call waits for: "read", "write", "mq_send", "mq_receive", "epoll_wait",
// "io_uring_enter", "flock", or "fcntl" where that waits for a lock. ok is false for others.
func (c BlockedCall) File() (call string, fd int, ok bool) {
	call, ok = fileCall(c.NR)
	if cmd := int(int32(c.Args[1])); call == "fcntl" && cmd != fSetLKW && cmd != fOFDSetLKW {
		return "", -1, false
	}
	return call, int(int32(c.Args[0])), ok
}

// OFDLock says whether a blocked fcntl asks for a lock of the open file description rather than of the process.
func (c BlockedCall) OFDLock() bool {
	return c.NR == unix.SYS_FCNTL && int(int32(c.Args[1])) == fOFDSetLKW
}

// FlockMode is what a blocked flock(2) asks for, as /proc/locks has it: READ (LOCK_SH) or WRITE (LOCK_EX).
func (c BlockedCall) FlockMode() string {
	if c.Args[1]&unix.LOCK_SH != 0 {
		return "READ"
	}
	return "WRITE"
}

// readString reads a NUL-terminated string of at most PATH_MAX bytes from another process, a page at a time: the next
// one may not be mapped.
func readString(pid int, addr uint64) (string, error) {
	var text []byte
	for len(text) < unix.PathMax {
		size := int(sys.PageSize() - addr%sys.PageSize())
		buf := make([]byte, size)
		local := []unix.Iovec{{Base: &buf[0], Len: uint64(size)}}
		n, err := unix.ProcessVMReadv(pid, local, []unix.RemoteIovec{{Base: uintptr(addr), Len: size}}, 0)
		if err != nil {
			return "", fmt.Errorf("process_vm_readv %d: %w", pid, err)
		}
		if end := bytes.IndexByte(buf[:n], 0); end >= 0 {
			return string(append(text, buf[:end]...)), nil
		}
		text, addr = append(text, buf[:n]...), addr+uint64(n)
	}
	return "", fmt.Errorf("process_vm_readv %d: %w", pid, unix.ENAMETOOLONG)
}

// sysVCall names a call by what a person knows it as. glibc's semop is semtimedop without a time.
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

// SysV says which call on which object it is: "msgsnd" or "msgrcv" with a msqid, "semop" with a semid. ok is false
// for others.
func (c BlockedCall) SysV() (call string, id int, ok bool) {
	call, ok = sysVCall(c.NR)
	return call, int(int32(c.Args[0])), ok
}

// MsgType is what a blocked msgrcv waits for: 0 for any message, below 0 for a type up to its absolute value.
func (c BlockedCall) MsgType() int64 { return int64(c.Args[3]) }

// MsgSize is the length of the message that a blocked msgsnd wants to send, or the most that a msgrcv takes, in bytes.
func (c BlockedCall) MsgSize() uint64 { return c.Args[2] }

// semOpsMax bounds how much of a caller's memory is read; SEMOPM is 500.
const semOpsMax = 500

// SemOps reads the operations of a blocked semop from the memory of its process, whose rights it takes
// (man 2 process_vm_readv). The thread may have gone on meanwhile: it is looked at again, and an error says so.
func (p Dir) SemOps(c BlockedCall) ([]sysv.SemOp, error) {
	if !p.live {
		return nil, fmt.Errorf("process_vm_readv: %w", sys.ErrNotLive)
	}
	ops := make([]sysv.SemOp, min(c.Args[2], semOpsMax))
	if len(ops) == 0 {
		return nil, nil
	}
	size := len(ops) * int(unsafe.Sizeof(sysv.SemOp{}))
	local := []unix.Iovec{{Base: (*byte)(unsafe.Pointer(&ops[0])), Len: uint64(size)}}
	remote := []unix.RemoteIovec{{Base: uintptr(c.Args[1]), Len: size}}
	n, err := unix.ProcessVMReadv(c.TID, local, remote, 0)
	if err != nil {
		return nil, fmt.Errorf("process_vm_readv %d: %w", c.TID, err)
	}
	if now, err := p.blockedCall(c.TID, nil); err != nil || now != c || n != size {
		return nil, fmt.Errorf("process_vm_readv %d: %w", c.TID, errNotBlocked)
	}
	return ops, nil
}

var _ [6]byte = [unsafe.Sizeof(sysv.SemOp{})]byte{} // struct sembuf

// FutexCall accepts the calls that wait for a futex, which most idle threads are in.
func FutexCall(nr int) bool { return nr == unix.SYS_FUTEX }

// A futex call's second argument (include/uapi/linux/futex.h): the operations that wait, and FUTEX_PRIVATE_FLAG.
const (
	futexWait          = 0
	futexLockPI        = 6
	futexWaitBitset    = 9
	futexWaitRequeuePI = 11
	futexLockPI2       = 13

	futexCommand = 0x7f
	futexPrivate = 0x80
)

// SharedFutex gives the address of the futex that a thread sleeps on, if other processes may wake it: the private
// ones, which are most, lie in memory of one process (man 2 futex, FUTEX_PRIVATE_FLAG).
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
