package process

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// ControllingPty is the index of the pseudoterminal that controls the process. ok is false for another terminal, and
// for none.
func (s *ProcStat) ControllingPty() (index uint64, ok bool) {
	const slaveMajor = 136 // UNIX98_PTY_SLAVE_MAJOR, include/uapi/linux/major.h
	dev := uint64(uint32(s.TTY))
	return uint64(unix.Minor(dev)), unix.Major(dev) == slaveMajor
}

// SlavesClosed duplicates the master of a pseudoterminal from a thread (sys.DupFD) for a microsecond and polls it.
// POLLHUP means that the last slave was closed (TTY_OTHER_CLOSED, drivers/tty/pty.c). If no slave was ever opened,
// SlavesClosed is false. It needs the right to ptrace the process (man 2 pidfd_getfd). It fails if the descriptor is
// not the master of this index, or no longer.
func SlavesClosed(tid, fd int, index uint32) (bool, error) {
	dup, err := sys.DupFD(tid, fd)
	if err != nil {
		return false, err
	}
	n, err := unix.IoctlGetInt(dup, unix.TIOCGPTN)
	fds := []unix.PollFd{{Fd: int32(dup)}}
	if err == nil {
		_, err = unix.Poll(fds, 0)
	}
	unix.Close(dup) // at once: while the duplicate is open, the slave gets no hang-up
	switch {
	case err != nil:
		return false, fmt.Errorf("pseudoterminal of %d fd %d: %w", tid, fd, err)
	case n != int(index):
		return false, fmt.Errorf("pseudoterminal of %d fd %d: %w", tid, fd, unix.ENOENT)
	}
	return fds[0].Revents&unix.POLLHUP != 0, nil
}
