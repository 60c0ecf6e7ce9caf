package process

import (
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// PipeState is the state of a pipe or FIFO, read through a descriptor of another process.
type PipeState struct {
	NoReaders, NoWriters bool
	Queued, Capacity     int // bytes; only ReadPipe fills them
}

// PollPipe duplicates a descriptor of a thread (sys.DupFD) for a microsecond and polls it. POLLERR on a write end means
// that no reader is left. POLLHUP on a read end means that no writer is left (fs/pipe.c). A descriptor with both ends
// gives no answer. It needs the right to ptrace the process (man 2 pidfd_getfd). dev and ino are those of the pipe; dev
// is 0 for a pipe without a name. fs.ErrNotExist: the descriptor leads elsewhere now.
func PollPipe(tid, fd int, dev, ino uint64) (PipeState, error) {
	return pipeState(tid, fd, dev, ino, false)
}

// ReadPipe also reads the pipe's bytes and capacity (FIONREAD, F_GETPIPE_SZ: pipe(7)), in the same way. It reads no
// data.
func ReadPipe(tid, fd int, dev, ino uint64) (PipeState, error) {
	return pipeState(tid, fd, dev, ino, true)
}

func pipeState(tid, fd int, dev, ino uint64, fill bool) (PipeState, error) {
	dup, err := sys.DupFD(tid, fd)
	if err != nil {
		return PipeState{}, err
	}
	var st unix.Stat_t
	if err = unix.Fstat(dup, &st); err == nil &&
		(st.Mode&unix.S_IFMT != unix.S_IFIFO || st.Ino != ino || dev != 0 && st.Dev != dev) {
		err = fs.ErrNotExist // another file has the descriptor's number now, or another process the pid
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
	unix.Close(dup) // at once: while the duplicate is open, the other end sees no EOF
	if err != nil {
		return PipeState{}, fmt.Errorf("pipe of %d fd %d: %w", tid, fd, err)
	}
	s.NoReaders, s.NoWriters = fds[0].Revents&unix.POLLERR != 0, fds[0].Revents&unix.POLLHUP != 0
	return s, nil
}
