package sock

import (
	"fmt"
	"io/fs"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// SocketTimes are timeouts of calls on a socket. After the timeout a call fails with EAGAIN (SO_RCVTIMEO and
// SO_SNDTIMEO of man 7 socket). Or the connection ends if the peer does not acknowledge data (TCP_USER_TIMEOUT of man
// 7 tcp). 0 is no timeout.
type SocketTimes struct{ Receive, Send time.Duration }

// ReadSocketTimes duplicates a socket of a thread (sys.DupFD) for two microseconds and reads its timeouts. No file has
// them. If the owner closes the socket meanwhile, the peer sees the close only after the duplicate is closed. It needs
// the right to ptrace the process (man 2 pidfd_getfd). ino is the socket's inode. fs.ErrNotExist: the descriptor leads
// elsewhere now.
func ReadSocketTimes(tid, fd int, ino uint64) (SocketTimes, error) {
	dup, err := sys.DupFD(tid, fd)
	if err != nil {
		return SocketTimes{}, err
	}
	var st unix.Stat_t
	var receive, send *unix.Timeval
	if err = unix.Fstat(dup, &st); err == nil && (st.Mode&unix.S_IFMT != unix.S_IFSOCK || st.Ino != ino) {
		err = fs.ErrNotExist
	}
	if err == nil {
		receive, err = unix.GetsockoptTimeval(dup, unix.SOL_SOCKET, unix.SO_RCVTIMEO)
	}
	if err == nil {
		send, err = unix.GetsockoptTimeval(dup, unix.SOL_SOCKET, unix.SO_SNDTIMEO)
	}
	user, noTCP := unix.GetsockoptInt(dup, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT)
	unix.Close(dup)
	if err != nil {
		return SocketTimes{}, fmt.Errorf("socket of %d fd %d: %w", tid, fd, err)
	}
	times := SocketTimes{time.Duration(receive.Nano()), time.Duration(send.Nano())}
	if limit := time.Duration(user) * time.Millisecond; noTCP == nil && limit > 0 &&
		(times.Send == 0 || limit < times.Send) {
		times.Send = limit
	}
	return times, nil
}
