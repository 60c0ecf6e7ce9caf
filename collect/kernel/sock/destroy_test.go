package sock

import (
	"errors"
	"io/fs"
	"net/netip"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// listed finds a descriptor's socket in the dump.
func listed(tb testing.TB, fd int) InetSocket {
	tb.Helper()
	rows := kerneltest.Must(InetSockets(sys.Root(""), 0))(tb)
	cookie := cookieOf(tb, fd)
	i := slices.IndexFunc(rows, func(s InetSocket) bool { return s.Cookie == cookie })
	if i < 0 {
		tb.Fatal("the socket is not in the dump")
	}
	return rows[i]
}

func TestFindAndDestroy(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		loopback := &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}
		listener := kerneltest.Listener(t, unix.AF_INET, loopback, 4)
		client := kerneltest.Connect(t, unix.AF_INET, unix.SOCK_STREAM, listener)
		server := kerneltest.Accept(t, listener)
		listener6 := kerneltest.Listener(t, unix.AF_INET6, &unix.SockaddrInet6{}, 4)
		udp := kerneltest.Socket(t, unix.AF_INET, unix.SOCK_DGRAM, 0)
		kerneltest.OK(t, unix.Bind(udp, loopback))
		connected := kerneltest.Connect(t, unix.AF_INET, unix.SOCK_DGRAM, udp)
		for _, fd := range []int{listener, listener6, client, server, udp, connected} {
			want := listed(t, fd)
			found := kerneltest.Must(FindInet(want))(t)
			if diff := gocmp.Diff(want, found, cmpopts.EquateComparable(netip.AddrPort{})); diff != "" {
				t.Errorf("%s %v (-listed +found):\n%s", want.Protocol, want.State, diff)
			}
			other := want
			other.Cookie++
			for _, err := range []error{second(FindInet(other)), DestroyInet(other)} {
				if !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("%s with another cookie: %v", want.Protocol, err)
				}
			}
		}
		kerneltest.OK(t, DestroyInet(listed(t, server)))
		_, err := unix.Read(server, make([]byte, 1))
		if err != unix.ECONNABORTED {
			t.Errorf("read from an ended connection: %v", err)
		}
		if _, err = unix.Read(client, make([]byte, 1)); err != unix.ECONNRESET {
			t.Errorf("read at its other end: %v", err)
		}
		kerneltest.OK(t, DestroyInet(listed(t, connected)))
		if _, err = unix.Read(connected, make([]byte, 1)); err != unix.ECONNABORTED {
			t.Errorf("read from an ended UDP socket: %v", err)
		}
		kerneltest.OK(t, DestroyInet(listed(t, listener)))
		if _, _, err = unix.Accept(listener); err != unix.EINVAL {
			t.Errorf("accept on an ended listener: %v", err)
		}
	}, unix.CLONE_NEWNET)
}

func second[T any](_ T, err error) error { return err }

func TestDestroyRefuses(t *testing.T) {
	for _, s := range []InetSocket{{Protocol: "tcp"}, {Protocol: "mptcp", Diag: true, Cookie: 1},
		{Protocol: "ping", Diag: true, Cookie: 1}} {
		if err := DestroyInet(s); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%+v: %v", s, err)
		}
	}
}
