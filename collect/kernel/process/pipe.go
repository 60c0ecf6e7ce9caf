package process

import (
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"
)

// PipeState is what the kernel says of a pipe or FIFO through a descriptor of another process.
type PipeState struct {
	NoReaders, NoWriters bool
	Queued, Capacity     int // bytes; filled by ReadPipe only
}

// PollPipe duplicates a descriptor of a process for a microsecond and polls it: POLLERR on a write end means that no
// reader is left, POLLHUP on a read end that no writer is (fs/pipe.c). On a descriptor with both ends it tells
// nothing. It takes the right to ptrace the process (man 2 pidfd_getfd). dev and ino are those of the pipe, dev 0 for
// one without a name: errors.Is(err, fs.ErrNotExist) if the descriptor leads elsewhere by now.
func PollPipe(pid, fd int, dev, ino uint64) (PipeState, error) {
	return pipeState(pid, fd, dev, ino, false)
}

// ReadPipe tells in the same way how much a pipe holds and can hold (FIONREAD, F_GETPIPE_SZ: pipe(7)). It reads no
// data.
func ReadPipe(pid, fd int, dev, ino uint64) (PipeState, error) {
	return pipeState(pid, fd, dev, ino, true)
}

func pipeState(pid, fd int, dev, ino uint64, fill bool) (PipeState, error) {
	pidfd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return PipeState{}, fmt.Errorf("pidfd_open %d: %w", pid, err)
	}
	defer unix.Close(pidfd)
	dup, err := unix.PidfdGetfd(pidfd, fd, 0)
	if err != nil {
		return PipeState{}, fmt.Errorf("pidfd_getfd %d fd %d: %w", pid, fd, err)
	}
	var st unix.Stat_t
	if err = unix.Fstat(dup, &st); err == nil &&
		(st.Mode&unix.S_IFMT != unix.S_IFIFO || st.Ino != ino || dev != 0 && st.Dev != dev) {
		err = fs.ErrNotExist // the number, or the pid, belongs to something else by now
	}
	fds := []unix.PollFd{{Fd: int32(dup)}}
	if err == nil {
		_, err = unix.Poll(fds, 0)
	}
	var s PipeState
	if fill && err == nil {
		if s.Queued, err = unix.IoctlGetInt(dup, unix.TIOCINQ); err == nil { // FIONREAD
			s.Capacity, err = unix.FcntlInt(uintptr(dup), unix.F_GETPIPE_SZ, 0)
		}
	}
	unix.Close(dup) // at once: while it is held, the other end sees no EOF
	if err != nil {
		return PipeState{}, fmt.Errorf("pipe of %d fd %d: %w", pid, fd, err)
	}
	s.NoReaders, s.NoWriters = fds[0].Revents&unix.POLLERR != 0, fds[0].Revents&unix.POLLHUP != 0
	return s, nil
}
