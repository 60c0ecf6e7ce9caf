package process

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// Handle is a pidfd. It always means one process, even after the kernel uses the pid again (man 2 pidfd_open).
type Handle struct {
	pid int
	fd  int
}

// OpenHandle opens a process of any user. The kernel may have used the pid again since the caller saw it. So the
// caller must read the start time from /proc *after* OpenHandle and compare it; only then it signals. From then on
// the handle cannot mean another process. unix.ESRCH: no such process. It needs Linux 5.3.
func OpenHandle(pid int) (*Handle, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil, fmt.Errorf("pidfd_open %d: %w", pid, err)
	}
	return &Handle{pid: pid, fd: fd}, nil
}

// Signal sends a signal. Signal 0 only checks the permission. unix.ESRCH: the process was reaped. unix.EPERM: another
// user's process.
func (p *Handle) Signal(sig unix.Signal) error {
	if err := unix.PidfdSendSignal(p.fd, sig, nil, 0); err != nil {
		return fmt.Errorf("send %s to process %d: %w", unix.SignalName(sig), p.pid, err)
	}
	return nil
}

// Ended waits for the process's end, at most for timeout. It is true if the process has ended; a zombie has ended.
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

// Close closes the pidfd.
func (p *Handle) Close() error { return unix.Close(p.fd) }
