package sys

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// DupFD duplicates a descriptor of another process. tid is a thread that has the descriptor in its table. For a
// process it is the pid, as long as the first thread lives. The first thread gives up its table when it ends, while
// others go on. DupFD then needs the number of another thread, and Linux 6.9 (PIDFD_THREAD of man 2 pidfd_open). It
// needs the right to ptrace the process (man 2 pidfd_getfd). The caller closes the duplicate.
func DupFD(tid, fd int) (int, error) {
	if err := CheckPIDs(); err != nil {
		return -1, fmt.Errorf("pidfd_open %d: %w", tid, err)
	}
	pidfd, err := unix.PidfdOpen(tid, 0)
	if err == unix.EINVAL || err == unix.ENOENT { // no first thread of a process: older and newer kernels
		pidfd, err = unix.PidfdOpen(tid, unix.PIDFD_THREAD)
	}
	if err != nil {
		return -1, fmt.Errorf("pidfd_open %d: %w", tid, err)
	}
	defer unix.Close(pidfd)
	dup, err := unix.PidfdGetfd(pidfd, fd, 0)
	if err != nil {
		return -1, fmt.Errorf("pidfd_getfd %d fd %d: %w", tid, fd, err)
	}
	return dup, nil
}
