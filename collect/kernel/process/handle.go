package process

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/scan"
	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// Handle holds one process by its open /proc/PID. The directory always means one process, even after the kernel uses
// the pid again. pidfd_send_signal takes the directory itself (tgid_pidfd_to_pid in fs/proc/base.c; man 2
// pidfd_send_signal). So the process that is read and the process that is signalled are the same, even if /proc belongs
// to another pid namespace.
type Handle struct{ Dir }

// ErrOutside means that no signal reaches a process: it is neither in the caller's pid namespace nor in one below
// (access_pidfd_pidns in kernel/signal.c).
var ErrOutside = errors.New("it is outside this pid namespace, so that no signal from here reaches it")

// OpenHandle opens a process of any user of the live machine. fs.ErrNotExist: /proc shows no such process.
func OpenHandle(pid int) (*Handle, error) {
	fd, err := unix.Open("/proc/"+strconv.Itoa(pid), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open /proc/%d: %w", pid, err)
	}
	return &Handle{Dir{PID: pid, fd: fd, live: true}}, nil
}

// Signal sends a signal. Signal 0 only checks the permission. unix.ESRCH: the process was reaped. unix.EPERM: another
// user's process. ErrOutside: no process of this pid namespace. It needs Linux 5.1.
func (p *Handle) Signal(sig unix.Signal) error {
	err := unix.PidfdSendSignal(p.fd, sig, nil, 0)
	switch {
	case err == nil:
		return nil
	case err == unix.EINVAL && sig >= 0 && sig <= 64:
		err = ErrOutside
	}
	return fmt.Errorf("send %s to process %d: %w", unix.SignalName(sig), p.PID, err)
}

// Pidfd opens a pidfd of the process. pidfd_open takes numbers of the caller's pid namespace. So the fdinfo of the
// pidfd must name the number that /proc shows, while /proc/PID still exists. unix.ESRCH: the process has ended.
// ErrOutside: no number of this pid namespace names the process.
func (p *Handle) Pidfd() (fd int, err error) {
	pid, err := p.OwnPID()
	if err != nil {
		return -1, err
	}
	if fd, err = unix.PidfdOpen(pid, 0); err != nil {
		return -1, fmt.Errorf("pidfd_open %d: %w", pid, err)
	}
	self, err := Open(sys.Root(""), SelfPID())
	if err == nil {
		defer self.Close()
		var text []byte
		if text, err = self.Read("fdinfo/"+strconv.Itoa(fd), nil); err == nil {
			shown, ok := lineNumbers(text, "Pid")
			if !ok || len(shown) != 1 || shown[0] != p.PID {
				err = fmt.Errorf("pidfd_open %d: %w", pid, ErrOutside)
			}
		}
	}
	if err == nil {
		_, err = p.Read("stat", nil) // fails with ESRCH if the number means another process by now
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// OwnPID is the number of the process in the caller's pid namespace. It differs from PID if /proc belongs to another
// pid namespace. ErrOutside: /proc does not show the caller, or the process has no such number.
func (p *Handle) OwnPID() (int, error) {
	self := SelfPID()
	if self == unix.Getpid() {
		return p.PID, nil
	}
	depth := 0
	if self != 0 {
		own, err := Open(sys.Root(""), self)
		if err != nil {
			return 0, err
		}
		defer own.Close()
		numbers, err := own.NSPIDs()
		if err != nil {
			return 0, err
		}
		depth = len(numbers)
	}
	numbers, err := p.NSPIDs()
	if err != nil {
		return 0, err
	}
	if depth == 0 || len(numbers) < depth {
		return 0, fmt.Errorf("process %d: %w", p.PID, ErrOutside)
	}
	return numbers[depth-1], nil
}

// NSPIDs lists the numbers of the process, from the pid namespace of /proc down to the process's own (NSpid of
// /proc/PID/status, since Linux 4.1).
func (p Dir) NSPIDs() ([]int, error) {
	text, err := p.Read("status", nil)
	if err != nil {
		return nil, err
	}
	numbers, ok := lineNumbers(text, "NSpid")
	if !ok {
		return nil, fmt.Errorf("read /proc/%d/status: NSpid: %w", p.PID, scan.ErrShort)
	}
	return numbers, nil
}

// ThreadGroup is the pid of the process to which a thread belongs (Tgid of /proc/TID/status).
func (p Dir) ThreadGroup() (int, error) {
	text, err := p.Read("status", nil)
	if err != nil {
		return 0, err
	}
	numbers, ok := lineNumbers(text, "Tgid")
	if !ok {
		return 0, fmt.Errorf("read /proc/%d/status: Tgid: %w", p.PID, scan.ErrShort)
	}
	return numbers[0], nil
}

// PidfsInode is the inode number of a process in pidfs. No other process has the same number until the next boot. ok is
// false before Linux 6.9, where all pidfds share one inode, and if no pidfd can be opened.
func (p *Handle) PidfsInode() (ino uint64, ok bool) {
	const pidfsMagic = 0x50494446 // include/uapi/linux/magic.h
	fd, err := p.Pidfd()
	if err != nil {
		return 0, false
	}
	defer unix.Close(fd)
	var on unix.Statfs_t
	var st unix.Stat_t
	if unix.Fstatfs(fd, &on) != nil || on.Type != pidfsMagic || unix.Fstat(fd, &st) != nil {
		return 0, false
	}
	return st.Ino, true
}

// Ended waits for the process's end, at most for timeout. It is true if the process has ended; a zombie has ended.
func (p *Handle) Ended(timeout time.Duration) (bool, error) {
	fd, err := p.Pidfd()
	if sys.Gone(err) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	defer unix.Close(fd)
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	end := time.Now().Add(timeout)
	var n int
	err = sys.RetryEINTR(func() (err error) {
		n, err = unix.Poll(fds, int(max(time.Until(end), 0)/time.Millisecond))
		return err
	})
	if err != nil {
		return false, fmt.Errorf("poll process %d: %w", p.PID, err)
	}
	return n > 0, nil
}
