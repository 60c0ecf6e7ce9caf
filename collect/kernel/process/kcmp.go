package process

import (
	"errors"
	"fmt"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// FDInfo reads /proc/PID/fdinfo/N (proc_pid_fdinfo(5)), in 6 to 9 microseconds. The text is valid until the next use
// of buf.
func (p Dir) FDInfo(fd int, buf []byte) ([]byte, error) {
	return p.Read("fdinfo/"+strconv.Itoa(fd), buf)
}

// CompareFiles orders the open file descriptions behind two descriptors (KCMP_FILE of kcmp(2)). 0 means that both are
// the same. The order has no other meaning. It holds until the next boot.
func CompareFiles(pid1, fd1, pid2, fd2 int) (int, error) {
	const kcmpFile = 0
	if err := sys.CheckPIDs(); err != nil {
		return 0, err
	}
	order, _, e := unix.Syscall6(unix.SYS_KCMP, uintptr(pid1), uintptr(pid2), kcmpFile, uintptr(fd1), uintptr(fd2), 0)
	err := error(e)
	if e == 0 {
		var n int
		if n, err = orderOf(order); err == nil {
			return n, nil
		}
	}
	return 0, fmt.Errorf("kcmp %d fd %d, %d fd %d: %w", pid1, fd1, pid2, fd2, err)
}

// SameFiles is true if two threads share one table of descriptors (KCMP_FILES of kcmp(2)). It costs 0.5 microseconds.
// It needs CONFIG_KCMP and the right to ptrace both.
func SameFiles(tid1, tid2 int) (bool, error) {
	order, err := CompareShared(SharedFiles, tid1, tid2)
	return err == nil && order == 0, err
}

// SameFiles is the function SameFiles, for threads of the process.
func (p Dir) SameFiles(tid1, tid2 int) (same bool, err error) {
	if p.lane == nil {
		return SameFiles(tid1, tid2)
	}
	at := p.lane.enter() // kcmp takes exec_update_lock (kernel/kcmp.c)
	same, err = SameFiles(tid1, tid2)
	p.lane.leave(at)
	return same, err
}

// Shared is a part that several processes may have in common (clone(2)).
type Shared int

// The numbers are those of kcmp(2).
const (
	SharedMemory Shared = 1 // CLONE_VM
	SharedFiles  Shared = 2 // CLONE_FILES: the table of descriptors
)

// CompareShared orders a part of two threads. 0 means that both have it in common. The order has no other meaning, and
// holds until the next boot. It costs 0.5 microseconds. It needs CONFIG_KCMP and the right to ptrace both.
func CompareShared(part Shared, tid1, tid2 int) (int, error) {
	if err := sys.CheckPIDs(); err != nil {
		return 0, err
	}
	order, _, e := unix.Syscall6(unix.SYS_KCMP, uintptr(tid1), uintptr(tid2), uintptr(part), 0, 0, 0)
	if e != 0 {
		return 0, fmt.Errorf("kcmp %d, %d: %w", tid1, tid2, e)
	}
	return orderOf(order)
}

// orderOf reads an answer of kcmp.
func orderOf(answer uintptr) (int, error) {
	switch answer {
	case 0:
		return 0, nil
	case 1:
		return -1, nil
	case 2:
		return 1, nil
	}
	return 0, errNoOrder
}

// errNoOrder is for kcmp's answer 3: the two are unequal, and have no order.
var errNoOrder = errors.New("no order")

// WatchesFile is true if an epoll instance watches the open file behind a descriptor (KCMP_EPOLL_TFD of kcmp(2)). pid
// has the epoll instance as epfd. pid2 has the file as fd2. tfd is the target's number in the instance; nth counts
// targets of the same number from 0. It needs CONFIG_KCMP and the right to ptrace both.
func WatchesFile(pid, epfd, tfd, nth, pid2, fd2 int) (bool, error) {
	const kcmpEpollTFD = 7
	if err := sys.CheckPIDs(); err != nil {
		return false, err
	}
	slot := struct{ EFD, TFD, TOff uint32 }{uint32(epfd), uint32(tfd), uint32(nth)} // struct kcmp_epoll_slot
	order, _, e := unix.Syscall6(unix.SYS_KCMP, uintptr(pid2), uintptr(pid), kcmpEpollTFD, uintptr(fd2),
		uintptr(unsafe.Pointer(&slot)), 0)
	if e != 0 {
		return false, fmt.Errorf("kcmp %d fd %d, epoll target %d: %w", pid2, fd2, tfd, e)
	}
	return order == 0, nil
}
