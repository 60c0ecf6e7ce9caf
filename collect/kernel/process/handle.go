package process

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// Handle is a pidfd: it stays with one process, however often its pid is used again (man 2 pidfd_open).
type Handle struct {
	pid int
	fd  int
}

// OpenHandle takes hold of a process, of any user. The pid may have been reused since the caller saw it: read the start
// time from /proc *after* opening and compare, then signal; from then on the handle cannot mean another process.
// unix.ESRCH if there is none; Linux 5.3.
func OpenHandle(pid int) (*Handle, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil, fmt.Errorf("pidfd_open %d: %w", pid, err)
	}
	return &Handle{pid: pid, fd: fd}, nil
}

// Signal sends a signal; 0 only asks whether that would be allowed. unix.ESRCH once the process was reaped, unix.EPERM
// for another user's.
func (p *Handle) Signal(sig unix.Signal) error {
	if err := unix.PidfdSendSignal(p.fd, sig, nil, 0); err != nil {
		return fmt.Errorf("send %s to process %d: %w", unix.SignalName(sig), p.pid, err)
	}
	return nil
}

// Ended waits at most for timeout and says whether the process has ended (a zombie has).
func (p *Handle) Ended(timeout time.Duration) (bool, error) {
	fds := []unix.PollFd{{Fd: int32(p.fd), Events: unix.POLLIN}}
	end := time.Now().Add(timeout)
	var n int
	err := sys.RetryEINTR(func() (err error) {
		n, err = unix.Poll(fds, int(max(time.Until(end), 0)/time.Millisecond))
		return err
	})
	if err != nil {
		return false, fmt.Errorf("poll process %d: %w", p.pid, err)
	}
	return n > 0, nil
}

// Close lets go of the process.
func (p *Handle) Close() error { return unix.Close(p.fd) }
