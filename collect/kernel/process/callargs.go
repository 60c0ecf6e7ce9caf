package process

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/fdinfo"
)

// AwaitedFD is a descriptor on which a blocked call waits.
type AwaitedFD struct {
	FD int
	// For is CanRead if the call waits for input: data, a connection, the peer's end. It is CanWrite if the call waits
	// for room. 0: the call waits only for an error or a hang-up. Every call on a descriptor waits for those too.
	For fdinfo.Access
}

// Transfers lists the descriptors through which a call waits to move something. Such calls read, write, send,
// receive, accept, connect, splice, or use POSIX queues. A call with two descriptors waits for one of them; nothing
// tells for which. ok is false for other calls.
func (c BlockedCall) Transfers() (fds []AwaitedFD, ok bool) {
	fd := func(arg int) int { return int(int32(c.Args[arg])) }
	switch c.NR {
	case unix.SYS_READ, unix.SYS_READV, unix.SYS_PREAD64, unix.SYS_PREADV, unix.SYS_PREADV2,
		unix.SYS_RECVFROM, unix.SYS_RECVMSG, unix.SYS_RECVMMSG,
		unix.SYS_ACCEPT, unix.SYS_ACCEPT4, unix.SYS_MQ_TIMEDRECEIVE:
		return []AwaitedFD{{fd(0), fdinfo.CanRead}}, true
	case unix.SYS_WRITE, unix.SYS_WRITEV, unix.SYS_PWRITE64, unix.SYS_PWRITEV, unix.SYS_PWRITEV2,
		unix.SYS_SENDTO, unix.SYS_SENDMSG, unix.SYS_SENDMMSG,
		unix.SYS_CONNECT, unix.SYS_MQ_TIMEDSEND:
		return []AwaitedFD{{fd(0), fdinfo.CanWrite}}, true
	case unix.SYS_SPLICE: // in, its offset, out
		return []AwaitedFD{{fd(0), fdinfo.CanRead}, {fd(2), fdinfo.CanWrite}}, true
	case unix.SYS_TEE:
		return []AwaitedFD{{fd(0), fdinfo.CanRead}, {fd(1), fdinfo.CanWrite}}, true
	case unix.SYS_SENDFILE: // out, in
		return []AwaitedFD{{fd(1), fdinfo.CanRead}, {fd(0), fdinfo.CanWrite}}, true
	case unix.SYS_VMSPLICE: // into a write end, out of a read end
		return []AwaitedFD{{fd(0), fdinfo.CanRead | fdinfo.CanWrite}}, true
	}
	return nil, false
}

// NamesReceiver is true if the call may name the receiver of its data. The receiver may then differ from the socket's
// connected peer (sendto(2)).
func (c BlockedCall) NamesReceiver() bool {
	switch c.NR {
	case unix.SYS_SENDTO:
		return c.Args[4] != 0
	case unix.SYS_SENDMSG, unix.SYS_SENDMMSG: // the address is in a structure
		return true
	}
	return false
}

// EpollFD is the epoll instance on which a call waits.
func (c BlockedCall) EpollFD() (fd int, ok bool) {
	switch c.NR {
	case sysEpollWait, unix.SYS_EPOLL_PWAIT, unix.SYS_EPOLL_PWAIT2:
		return int(int32(c.Args[0])), true
	}
	return -1, false
}

// ChildWait tells for which children a process waits.
type ChildWait uint8

const (
	AnyChild   ChildWait = iota
	OneChild             // by its pid
	ChildGroup           // the children of a process group; 0 is the caller's own group
	ChildPidfd           // the child of a pidfd
)

// WaitsForChild tells for which children a wait4 or waitid waits. id is a pid, a process group or a descriptor, in
// the caller's own pid namespace. Threads that the caller traces end such a call, too (man 2 ptrace).
func (c BlockedCall) WaitsForChild() (id int, which ChildWait, ok bool) {
	id = int(int32(c.Args[0]))
	switch {
	case c.NR == unix.SYS_WAIT4 && id == -1:
		return 0, AnyChild, true
	case c.NR == unix.SYS_WAIT4 && id > 0:
		return id, OneChild, true
	case c.NR == unix.SYS_WAIT4:
		return -id, ChildGroup, true
	case c.NR != unix.SYS_WAITID:
		return 0, AnyChild, false
	}
	kind, id := int(int32(c.Args[0])), int(int32(c.Args[1]))
	switch kind {
	case unix.P_PID:
		return id, OneChild, true
	case unix.P_PGID:
		return id, ChildGroup, true
	case unix.P_PIDFD:
		return id, ChildPidfd, true
	}
	return 0, AnyChild, true
}

// MayVfork is true if the call may wait for a child that runs in the memory of its parent, until the child executes a
// program or ends (vfork(2), CLONE_VFORK of clone(2)). posix_spawn(3) makes such calls. The flags of clone3 are in
// memory, so that it always may. CompareShared tells the child.
func (c BlockedCall) MayVfork() bool {
	return c.NR == sysVfork || c.NR == unix.SYS_CLONE && c.Args[0]&unix.CLONE_VFORK != 0 || c.NR == unix.SYS_CLONE3
}

// Restarted is true if the call continues a call that a stop or a tracer interrupted (man 2 restart_syscall). Such
// calls are a poll, a futex wait with a time, and a sleep. The arguments are still those of the first call.
func (c BlockedCall) Restarted() bool { return c.NR == unix.SYS_RESTART_SYSCALL }

// Resumed is the call that a restarted call continues. The kernel function in which the thread sleeps (wchan) tells
// which call it is. The other methods take the result like any call. ok is false for a sleep, which always ends by
// itself, and where the function gives no answer. It costs 7 microseconds.
func (p Dir) Resumed(c BlockedCall) (first BlockedCall, ok bool) {
	if !c.Restarted() {
		return c, true
	}
	wchan, err := p.Read("task/"+strconv.Itoa(c.TID)+"/wchan", nil)
	if err != nil {
		return c, false
	}
	first = c
	switch name := string(wchan); {
	case strings.HasPrefix(name, "poll_schedule_timeout"),
		strings.HasPrefix(name, "do_sys_poll"): // do_restart_poll in fs/select.c
		first.NR = sysPoll
	case strings.HasPrefix(name, "futex_"): // futex_wait_restart in kernel/futex/waitwake.c
		first.NR = unix.SYS_FUTEX
	default:
		return c, false
	}
	return first, true
}

// StartsProcess is true for calls that start a process. A thread sleeps in them only as the caller of vfork, until its
// child ends or calls execve (CLONE_VFORK in clone(2)).
func (c BlockedCall) StartsProcess() bool {
	return c.NR == unix.SYS_CLONE || c.NR == unix.SYS_CLONE3 || c.NR == sysVfork
}

// Memory lists the addresses from which the call read what it waits for: the operations of semop, the lock of fcntl,
// the descriptors of poll and select. The caller may change this memory during the call.
func (c BlockedCall) Memory() (addresses []uint64) {
	var args []uint64
	switch nr := c.NR; {
	case nr == unix.SYS_SEMOP, nr == unix.SYS_SEMTIMEDOP:
		args = c.Args[1:2]
	case nr == unix.SYS_FCNTL:
		args = c.Args[2:3]
	case pollCall(nr):
		args = c.Args[:1]
	case selectCall(nr):
		args = c.Args[1:4]
	}
	for _, a := range args {
		if a != 0 {
			addresses = append(addresses, a)
		}
	}
	return addresses
}

// OnStack is true if the memory is near the top of the calling thread's own stack: a local variable of the caller, or
// of a function that called the caller.
func (c BlockedCall) OnStack(addr uint64) bool {
	const near = 64 << 10
	return c.SP <= addr && addr-c.SP < near
}

// PipeCall tells if a thread in read or write sleeps in a function for pipes (fs/pipe.c). ok is false for other calls,
// and if the kernel does not tell the function (wchan).
func (p Dir) PipeCall(c BlockedCall) (pipe, ok bool) {
	switch c.NR {
	case unix.SYS_READ, unix.SYS_READV, unix.SYS_WRITE, unix.SYS_WRITEV:
	default:
		return false, false
	}
	function := p.SleepsIn(c.TID)
	return strings.Contains(function, "pipe_"), function != ""
}

// SleepsIn names the kernel's function in which a thread sleeps (wchan in proc(5)); "": not told. It needs the right to
// ptrace the process.
func (p Dir) SleepsIn(tid int) string {
	wchan, err := p.Read("task/"+strconv.Itoa(tid)+"/wchan", nil)
	if err != nil || len(wchan) < 2 { // "0": not told
		return ""
	}
	return string(wchan)
}

// checkCall checks that the thread is in the call, still or again: memory that was read before then belongs to the
// call. ErrOtherCall: the thread is in another call, or in none.
func (p Dir) checkCall(c BlockedCall) error {
	now, err := p.blockedCall(c.TID, nil)
	if now.Restarted() {
		now.NR = c.NR // or the number of Resumed
	}
	switch {
	case errors.Is(err, errNotBlocked) || err == nil && now != c:
		return fmt.Errorf("thread %d: %w", c.TID, ErrOtherCall)
	case err != nil:
		return err
	}
	return nil
}
