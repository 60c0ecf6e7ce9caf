package sock_test

import (
	"errors"
	"io/fs"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/sock"
	"github.com/ipctop/ipctop/collect/kernel/sys"
)

func TestReadSocketTimes(t *testing.T) {
	a, b := kerneltest.SocketPair(t, unix.SOCK_STREAM)
	if err := unix.SetsockoptTimeval(a, unix.SOL_SOCKET, unix.SO_RCVTIMEO,
		&unix.Timeval{Sec: 5, Usec: 250000}); err != nil {
		t.Fatal(err)
	}
	ask := func(fd int) (sock.SocketTimes, error) {
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			t.Fatal(err)
		}
		return sock.ReadSocketTimes(os.Getpid(), fd, st.Ino)
	}
	// The kernel rounds to its own ticks.
	if got, err := ask(a); err != nil || (got.Receive-5250*time.Millisecond).Abs() > 20*time.Millisecond ||
		got.Send != 0 {
		t.Errorf("times %+v, %v, want 5.25 s to receive", got, err)
	}
	if got, err := ask(b); err != nil || got != (sock.SocketTimes{}) {
		t.Errorf("times %+v, %v, want none", got, err)
	}
	tcp, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(tcp)
	if err := unix.SetsockoptInt(tcp, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, 3000); err != nil {
		t.Fatal(err)
	}
	if got, err := ask(tcp); err != nil || got != (sock.SocketTimes{Send: 3 * time.Second}) {
		t.Errorf("times %+v, %v, want 3 s to send", got, err)
	}
	if got, err := sock.ReadSocketTimes(os.Getpid(), a, 1); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("times of another socket: %+v, %v", got, err)
	}
	if os.Getuid() != 0 {
		if got, err := sock.ReadSocketTimes(1, 0, 1); !sys.Denied(err) {
			t.Errorf("times of another user's descriptor: %+v, %v", got, err)
		}
	}
}
