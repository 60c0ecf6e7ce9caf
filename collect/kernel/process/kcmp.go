package process

import (
	"errors"
	"fmt"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// FDInfo reads /proc/PID/fdinfo/N (proc_pid_fdinfo(5)): 6 to 9 microseconds. The text is valid until buf is used again.
func (p Dir) FDInfo(fd int, buf []byte) ([]byte, error) {
	return p.Read("fdinfo/"+strconv.Itoa(fd), buf)
}

// CompareFiles orders the open file descriptions behind two descriptors (KCMP_FILE of kcmp(2)): 0 says that they are
// one. The order means nothing else, and holds until the next boot.
func CompareFiles(pid1, fd1, pid2, fd2 int) (int, error) {
	const kcmpFile = 0
	order, _, e := unix.Syscall6(unix.SYS_KCMP, uintptr(pid1), uintptr(pid2), kcmpFile, uintptr(fd1), uintptr(fd2), 0)
	switch {
	case e != 0:
		return 0, fmt.Errorf("kcmp %d fd %d, %d fd %d: %w", pid1, fd1, pid2, fd2, e)
	case order == 0:
		return 0, nil
	case order == 1:
		return -1, nil
	case order == 2:
		return 1, nil
	}
	return 0, fmt.Errorf("kcmp %d fd %d, %d fd %d: %w", pid1, fd1, pid2, fd2, errNoOrder)
}

// SameFiles says whether two threads have one table of descriptors (KCMP_FILES of kcmp(2), 0.5 microseconds). It
// takes CONFIG_KCMP and the right to ptrace both.
func SameFiles(tid1, tid2 int) (bool, error) {
	const kcmpFiles = 2
	order, _, e := unix.Syscall6(unix.SYS_KCMP, uintptr(tid1), uintptr(tid2), kcmpFiles, 0, 0, 0)
	if e != 0 {
		return false, fmt.Errorf("kcmp %d, %d: %w", tid1, tid2, e)
	}
	return order == 0, nil
}

// errNoOrder is for kcmp's answer 3, which it gives for what can be equal or unequal only.
var errNoOrder = errors.New("no order")

// WatchesFile says whether the epoll instance that pid has as epfd watches the open file that its target number tfd
// stands for under pid2's descriptor fd2 (KCMP_EPOLL_TFD of kcmp(2)). nth counts the targets of equal numbers from 0.
// It takes CONFIG_KCMP and the right to ptrace both.
func WatchesFile(pid, epfd, tfd, nth, pid2, fd2 int) (bool, error) {
	const kcmpEpollTFD = 7
	slot := struct{ EFD, TFD, TOff uint32 }{uint32(epfd), uint32(tfd), uint32(nth)} // struct kcmp_epoll_slot
	order, _, e := unix.Syscall6(unix.SYS_KCMP, uintptr(pid2), uintptr(pid), kcmpEpollTFD, uintptr(fd2),
		uintptr(unsafe.Pointer(&slot)), 0)
	if e != 0 {
		return false, fmt.Errorf("kcmp %d fd %d, epoll target %d: %w", pid2, fd2, tfd, e)
	}
	return order == 0, nil
}
