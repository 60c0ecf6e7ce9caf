package kerneltest

import (
	"testing"

	"golang.org/x/sys/unix"
)

// Socket makes a socket and closes it at the test's end.
func Socket(tb testing.TB, family, kind, protocol int) int {
	tb.Helper()
	return keep(tb)(unix.Socket(family, kind|unix.SOCK_CLOEXEC, protocol))
}

// Listener makes a stream socket that listens at addr.
func Listener(tb testing.TB, family int, addr unix.Sockaddr, backlog int) int {
	tb.Helper()
	fd := Socket(tb, family, unix.SOCK_STREAM, 0)
	if err := unix.Bind(fd, addr); err != nil {
		tb.Fatal(err)
	}
	if err := unix.Listen(fd, backlog); err != nil {
		tb.Fatal(err)
	}
	return fd
}

// Connect makes a socket and connects it to the socket behind the descriptor to. x/sys cannot read an abstract name
// with a NUL inside.
func Connect(tb testing.TB, family, kind, to int) int {
	tb.Helper()
	addr, err := unix.Getsockname(to)
	if err != nil {
		tb.Fatal(err)
	}
	fd := Socket(tb, family, kind, 0)
	if err := unix.Connect(fd, addr); err != nil {
		tb.Fatal(err)
	}
	return fd
}

// Accept takes the next connection of a listener.
func Accept(tb testing.TB, listener int) int {
	tb.Helper()
	fd, _, err := unix.Accept4(listener, unix.SOCK_CLOEXEC)
	return keep(tb)(fd, err)
}

// SocketPair makes two connected AF_UNIX sockets.
func SocketPair(tb testing.TB, kind int) (int, int) {
	tb.Helper()
	fd, err := unix.Socketpair(unix.AF_UNIX, kind|unix.SOCK_CLOEXEC, 0)
	return keep(tb)(fd[0], err), keep(tb)(fd[1], err)
}

// Inode is the inode number of a socket: /proc/PID/fd has it in socket:[…].
func Inode(tb testing.TB, fd int) uint64 {
	tb.Helper()
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		tb.Fatal(err)
	}
	return st.Ino
}

// keep closes a descriptor at the test's end. It does not if the test has closed the descriptor: another file may
// have the number then.
func keep(tb testing.TB) func(int, error) int {
	return func(fd int, err error) int {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
		inode := Inode(tb, fd)
		tb.Cleanup(func() {
			var st unix.Stat_t
			if err := unix.Fstat(fd, &st); err == nil && st.Ino == inode {
				unix.Close(fd)
			}
		})
		return fd
	}
}
