package process

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/fdinfo"
)

// polledMax is the highest number of polled descriptors that ipctop reads. Beyond it the list would not be complete.
const polledMax = 1 << 16

// errTooMany means that the call polls more descriptors than ipctop reads.
var errTooMany = errors.New("more descriptors than are looked at")

// PollFDs lists the descriptors on which a poll, ppoll, select or pselect6 waits: all of them, or an error. Other
// calls have none. It reads the process's memory, which needs the right to ptrace the process, and checks the thread
// again. It costs 10 microseconds. ErrOtherCall: it is another call, or the thread is no longer in the call.
func (p Dir) PollFDs(c BlockedCall) ([]AwaitedFD, error) {
	c, ok := p.Resumed(c)
	if !ok {
		return nil, fmt.Errorf("thread %d: %w", c.TID, ErrOtherCall)
	}
	var fds []AwaitedFD
	var err error
	switch {
	case pollCall(c.NR):
		fds, err = p.polled(c)
	case selectCall(c.NR):
		fds, err = p.selected(c)
	default:
		err = fmt.Errorf("thread %d: %w", c.TID, ErrOtherCall)
	}
	if err == nil {
		err = p.checkCall(c)
	}
	if err != nil {
		return nil, err
	}
	return fds, nil
}

func pollCall(nr int) bool   { return nr == sysPoll || nr == unix.SYS_PPOLL }
func selectCall(nr int) bool { return nr == sysSelect || nr == unix.SYS_PSELECT6 }

// Serves is true if the call waits for any next event, like a server or an event loop: a poll, select, epoll or
// accept.
func (c BlockedCall) Serves() bool {
	_, epoll := c.EpollFD()
	return epoll || pollCall(c.NR) || selectCall(c.NR) || c.NR == unix.SYS_ACCEPT || c.NR == unix.SYS_ACCEPT4
}

// polled reads the array of struct pollfd {int fd; short events, revents}. It leaves out negative descriptors (man 2
// poll).
func (p Dir) polled(c BlockedCall) ([]AwaitedFD, error) {
	n := c.Args[1]
	if n > polledMax {
		return nil, fmt.Errorf("poll of %d: %w", n, errTooMany)
	}
	array := make([]byte, n*8)
	if err := p.readMemory(c.TID, c.Args[0], array); err != nil {
		return nil, err
	}
	fds := make([]AwaitedFD, 0, n)
	for ; len(array) > 0; array = array[8:] {
		fd, events := int32(binary.NativeEndian.Uint32(array)), binary.NativeEndian.Uint16(array[4:])
		if fd >= 0 {
			fds = append(fds, AwaitedFD{int(fd), fdinfo.PollAccess(uint32(events))})
		}
	}
	return fds, nil
}

// selected reads the three sets of select: to read, to write, exceptions (urgent data, man 2 select). A set is an
// array of longs with bit n for descriptor n. On a little-endian machine the bytes are in that order. The kernel
// changes the sets only when it returns.
func (p Dir) selected(c BlockedCall) ([]AwaitedFD, error) {
	n := int(int32(c.Args[0]))
	if n < 0 || n > polledMax {
		return nil, fmt.Errorf("select of %d: %w", n, errTooMany)
	}
	wants := make([]fdinfo.Access, n)
	set := make([]byte, (n+7)/8)
	for i, a := range [...]fdinfo.Access{fdinfo.CanRead, fdinfo.CanWrite, fdinfo.CanRead} {
		if c.Args[1+i] == 0 {
			continue
		}
		if err := p.readMemory(c.TID, c.Args[1+i], set); err != nil {
			return nil, err
		}
		for fd := range wants {
			if set[fd/8]>>(fd%8)&1 != 0 {
				wants[fd] |= a
			}
		}
	}
	var fds []AwaitedFD
	for fd, a := range wants {
		if a != 0 {
			fds = append(fds, AwaitedFD{fd, a})
		}
	}
	return fds, nil
}

// AlwaysReady is true if a descriptor leads to a regular file on a file system that stores files. Such a file is
// always ready to be read and written (poll(2)). Other file systems make the contents during a read, and may wait:
// /sys/kernel/tracing/trace_pipe.
func (p Dir) AlwaysReady(fd int) (bool, error) {
	file, err := p.StatOpen(fd)
	if err != nil || !file.Mode.IsRegular() {
		return false, err
	}
	var on unix.Statfs_t
	link := fmt.Sprintf("/proc/self/fd/%d/fd/%d", p.fd, fd)
	if err := unix.Statfs(link, &on); err != nil {
		return false, fmt.Errorf("statfs /proc/%d/fd/%d: %w", p.PID, fd, err)
	}
	switch uint32(on.Type) {
	case unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC, unix.F2FS_SUPER_MAGIC, unix.TMPFS_MAGIC,
		unix.OVERLAYFS_SUPER_MAGIC:
		return true, nil
	}
	return false, nil
}
