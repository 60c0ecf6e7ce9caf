package sock

import (
	"cmp"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/sys"
)

func cookieOf(tb testing.TB, fd int) uint64 {
	tb.Helper()
	cookie, err := unix.GetsockoptUint64(fd, unix.SOL_SOCKET, unix.SO_COOKIE)
	kerneltest.OK(tb, err)
	return cookie
}

// outq is the kernel's number for SendQueue. SIOCOUTQ counts memory in unix(7), so a test cannot compute it.
func outq(tb testing.TB, fd int) uint32 {
	tb.Helper()
	n, err := unix.IoctlGetInt(fd, unix.SIOCOUTQ)
	kerneltest.OK(tb, err)
	return uint32(n)
}

// unixScene makes one UNIX socket of every kind.
func unixScene(tb testing.TB) []UnixSocket {
	path := filepath.Join(tb.TempDir(), "with blanks \x1b[31m")
	row := func(fd int, s UnixSocket) UnixSocket {
		s.Inode, s.Cookie, s.Diag, s.HasUID, s.UID = kerneltest.Inode(tb, fd), cookieOf(tb, fd), true, true,
			uint32(os.Getuid())
		if s.State != SocketListen {
			s.SendQueue = outq(tb, fd)
		}
		return s
	}
	listener := kerneltest.Listener(tb, unix.AF_UNIX, &unix.SockaddrUnix{Name: path}, 7)
	client := kerneltest.Connect(tb, unix.AF_UNIX, unix.SOCK_STREAM, listener)
	server := kerneltest.Accept(tb, listener)
	_, err := unix.Write(client, []byte("hello"))
	kerneltest.OK(tb, err)
	waiting := kerneltest.Connect(tb, unix.AF_UNIX, unix.SOCK_STREAM, listener)

	// x/sys takes a name with '@' at the beginning as abstract.
	bound := kerneltest.Socket(tb, unix.AF_UNIX, unix.SOCK_DGRAM, 0)
	kerneltest.OK(tb, unix.Bind(bound, &unix.SockaddrUnix{Name: "@abs\x00tract"}))
	sender := kerneltest.Socket(tb, unix.AF_UNIX, unix.SOCK_DGRAM, 0)
	kerneltest.OK(tb, unix.Connect(sender, &unix.SockaddrUnix{Name: "@abs\x00tract"}))
	_, err = unix.Write(sender, []byte("ping"))
	kerneltest.OK(tb, err)

	half, other := kerneltest.SocketPair(tb, unix.SOCK_SEQPACKET)
	kerneltest.OK(tb, unix.Shutdown(half, unix.SHUT_WR))
	alone := kerneltest.Socket(tb, unix.AF_UNIX, unix.SOCK_STREAM, 0)

	var file unix.Stat_t
	kerneltest.OK(tb, unix.Lstat(path, &file))
	named := UnixSocket{Type: SocketStream, Naming: UnixPath, Name: path, FileInode: file.Ino, FileDevice: file.Dev}
	listening, accepted := named, named
	listening.State, listening.RecvQueue, listening.SendQueue = SocketListen, 1, 7
	listening.Pending = []uint64{kerneltest.Inode(tb, waiting)}
	accepted.State, accepted.RecvQueue, accepted.Peer = SocketEstablished, 5, kerneltest.Inode(tb, client)
	return []UnixSocket{
		row(listener, listening),
		row(client, UnixSocket{Type: SocketStream, State: SocketEstablished, Peer: kerneltest.Inode(tb, server)}),
		row(server, accepted),
		row(waiting, UnixSocket{Type: SocketStream, State: SocketEstablished}),
		// A client that connects to a datagram socket makes both ESTAB (net/unix/af_unix.c, unix_dgram_connect). Only
		// the client has a peer.
		row(bound, UnixSocket{Type: SocketDgram, State: SocketEstablished, Naming: UnixAbstract, Name: "abs\x00tract",
			RecvQueue: 4}),
		row(sender, UnixSocket{Type: SocketDgram, State: SocketEstablished, Peer: kerneltest.Inode(tb, bound)}),
		row(half, UnixSocket{Type: SocketSeqpacket, State: SocketEstablished, Peer: kerneltest.Inode(tb, other),
			Shutdown: ShutdownSend}),
		row(other, UnixSocket{Type: SocketSeqpacket, State: SocketEstablished, Peer: kerneltest.Inode(tb, half),
			Shutdown: ShutdownReceive}),
		row(alone, UnixSocket{Type: SocketStream, State: SocketClosed}),
	}
}

func byInode(rows []UnixSocket) []UnixSocket {
	slices.SortFunc(rows, func(a, b UnixSocket) int { return cmp.Compare(a.Inode, b.Inode) })
	return rows
}

func TestUnixSockets(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		want := byInode(unixScene(t))
		h := sys.Root("")
		got, err := UnixSockets(h)
		kerneltest.OK(t, err)
		if diff := gocmp.Diff(want, byInode(got)); diff != "" {
			t.Errorf("sock_diag (-want +got):\n%s", diff)
		}

		// The same scene, read from a file tree's /proc.
		for i, s := range want {
			want[i] = UnixSocket{Type: s.Type, State: s.State, Inode: s.Inode, Naming: s.Naming, Name: s.Name}
			if s.Naming == UnixAbstract {
				want[i].Name = "abs@tract"
			}
		}
		got, err = UnixSockets(procNetTree(t, "unix"))
		kerneltest.OK(t, err)
		if diff := gocmp.Diff(want, byInode(got)); diff != "" {
			t.Errorf("/proc/net/unix (-want +got):\n%s", diff)
		}
	}, unix.CLONE_NEWNET)
}

// A listener with too many pending clients for one datagram ends the dump. It must not hide other sockets.
func TestManyPendingClients(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		const clients = 2500
		listener := kerneltest.Listener(t, unix.AF_UNIX, &unix.SockaddrUnix{Name: "@busy"}, clients)
		var want []uint64
		for range clients {
			fd := kerneltest.Connect(t, unix.AF_UNIX, unix.SOCK_STREAM, listener)
			want = append(want, kerneltest.Inode(t, fd))
		}
		h := sys.Root("")
		got, err := UnixSockets(h)
		kerneltest.OK(t, err)
		if len(got) != clients+1 {
			t.Errorf("%d sockets, want %d", len(got), clients+1)
		}
		i := slices.IndexFunc(got, func(s UnixSocket) bool { return s.Name == "busy" })
		if i < 0 {
			t.Fatal("the listener is missing")
		}
		if diff := gocmp.Diff(want, got[i].Pending); diff != "" {
			t.Error(diff)
		}
	}, unix.CLONE_NEWNET)
}

// procNetTree is a file tree with copies of this network namespace's /proc/net files.
func procNetTree(tb testing.TB, names ...string) sys.Root {
	tb.Helper()
	root := tb.TempDir()
	kerneltest.OK(tb, os.MkdirAll(root+"/proc/net", 0o755))
	for _, name := range names {
		data, err := os.ReadFile("/proc/thread-self/net/" + name)
		kerneltest.OK(tb, err)
		kerneltest.OK(tb, os.WriteFile(root+"/proc/net/"+name, data, 0o644))
	}
	h, err := sys.OpenRoot(root)
	kerneltest.OK(tb, err)
	return h
}

// inetPair is a listener on loopback with one accepted connection.
type inetPair struct{ listener, client, server int }

func connectTCP(tb testing.TB, family int, addr unix.Sockaddr, backlog int) inetPair {
	tb.Helper()
	listener := kerneltest.Listener(tb, family, addr, backlog)
	client := kerneltest.Connect(tb, family, unix.SOCK_STREAM, listener)
	return inetPair{listener, client, kerneltest.Accept(tb, listener)}
}

func addrPort(tb testing.TB, fd int) netip.AddrPort {
	tb.Helper()
	name, err := unix.Getsockname(fd)
	kerneltest.OK(tb, err)
	switch name := name.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(name.Addr), uint16(name.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(name.Addr), uint16(name.Port))
	}
	tb.Fatalf("no address: %T", name)
	return netip.AddrPort{}
}

// inetScene makes one socket of every state in the code. It leaves out cookies and timers.
func inetScene(tb testing.TB) []InetSocket {
	row := func(fd int, protocol string, state SocketState, s InetSocket) InetSocket {
		s.Protocol, s.State, s.Inode, s.UID, s.Diag = protocol, state, kerneltest.Inode(tb, fd),
			uint32(os.Getuid()), true
		if s.Local == (netip.AddrPort{}) {
			s.Local = addrPort(tb, fd)
		}
		s.V6 = s.Local.Addr().Is6()
		if !s.Remote.IsValid() {
			s.Remote = netip.MustParseAddrPort("0.0.0.0:0")
			if s.V6 {
				s.Remote = netip.MustParseAddrPort("[::]:0")
			}
		}
		return s
	}
	loopback := &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}
	p := connectTCP(tb, unix.AF_INET, loopback, 3)
	_, err := unix.Write(p.client, []byte("hello"))
	kerneltest.OK(tb, err)
	waiting := kerneltest.Connect(tb, unix.AF_INET, unix.SOCK_STREAM, p.listener)

	// An IPv6 socket bound to an IPv6 address other than :: takes no IPv4 (net/ipv6/af_inet6.c, __inet6_bind).
	// A client that has closed, and a server that has not: FIN-WAIT-2 and CLOSE-WAIT.
	q := connectTCP(tb, unix.AF_INET6, &unix.SockaddrInet6{Addr: netip.IPv6Loopback().As16()}, 1)
	kerneltest.OK(tb, unix.Shutdown(q.client, unix.SHUT_WR))

	// An IPv6 socket that also takes IPv4 has v4-mapped addresses.
	m := connectTCP(tb, unix.AF_INET6, &unix.SockaddrInet6{Addr: netip.MustParseAddr("::ffff:127.0.0.1").As16()}, 1)

	u := kerneltest.Socket(tb, unix.AF_INET, unix.SOCK_DGRAM, 0)
	kerneltest.OK(tb, unix.Bind(u, loopback))
	u6 := kerneltest.Socket(tb, unix.AF_INET6, unix.SOCK_DGRAM, 0)
	kerneltest.OK(tb, unix.SetsockoptInt(u6, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1))
	kerneltest.OK(tb, unix.SetsockoptInt(u6, unix.SOL_SOCKET, unix.SO_BINDTOIFINDEX, 1))
	kerneltest.OK(tb, unix.Bind(u6, &unix.SockaddrInet6{Addr: netip.IPv6Loopback().As16()}))
	raw := kerneltest.Socket(tb, unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP)

	unaccepted := row(p.listener, "tcp", SocketEstablished, InetSocket{Remote: addrPort(tb, waiting)})
	unaccepted.Inode, unaccepted.UID = 0, 0
	return []InetSocket{
		row(p.listener, "tcp", SocketListen, InetSocket{RecvQueue: 1, SendQueue: 3}),
		row(p.client, "tcp", SocketEstablished, InetSocket{Remote: addrPort(tb, p.server)}),
		row(p.server, "tcp", SocketEstablished, InetSocket{Remote: addrPort(tb, p.client), RecvQueue: 5}),
		row(waiting, "tcp", SocketEstablished, InetSocket{Remote: addrPort(tb, p.listener)}),
		unaccepted,
		row(q.listener, "tcp", SocketListen, InetSocket{SendQueue: 1, V6Only: true}),
		row(q.client, "tcp", 5, InetSocket{Remote: addrPort(tb, q.server), Shutdown: ShutdownSend}),
		row(q.server, "tcp", SocketCloseWait,
			InetSocket{Remote: addrPort(tb, q.client), RecvQueue: 1, Shutdown: ShutdownReceive}),
		row(m.listener, "tcp", SocketListen, InetSocket{SendQueue: 1}),
		row(m.client, "tcp", SocketEstablished, InetSocket{Remote: addrPort(tb, m.server)}),
		row(m.server, "tcp", SocketEstablished, InetSocket{Remote: addrPort(tb, m.client)}),
		row(u, "udp", SocketClosed, InetSocket{}),
		row(u6, "udp", SocketClosed, InetSocket{Interface: 1, V6Only: true}),
		row(raw, "raw", SocketClosed, InetSocket{Local: netip.MustParseAddrPort("0.0.0.0:1")}),
	}
}

// sorted orders by the fields that differ between sockets of the scene.
func sorted(rows []InetSocket) []InetSocket {
	slices.SortFunc(rows, func(a, b InetSocket) int {
		return cmp.Or(cmp.Compare(a.Inode, b.Inode), a.Local.Compare(b.Local), a.Remote.Compare(b.Remote))
	})
	return rows
}

func TestInetSockets(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		want := sorted(inetScene(t))
		h := sys.Root("")
		timers := gocmp.Options{cmpopts.IgnoreFields(InetSocket{}, "Cookie", "Timer", "TimerMS"),
			cmpopts.EquateComparable(netip.AddrPort{})}
		kerneltest.EventuallySame(t, func() string {
			got, err := InetSockets(h, 0)
			kerneltest.OK(t, err)
			for i, s := range got {
				if s.Protocol == "raw" {
					got[i].Diag = true // or not: a kernel may lack the module raw_diag
				} else if s.Cookie == 0 {
					t.Fatalf("no cookie: %+v", s)
				}
			}
			return gocmp.Diff(want, sorted(got), timers)
		})
		for i := range want {
			want[i].Diag, want[i].Shutdown, want[i].Interface, want[i].V6Only = false, 0, 0, false
			if want[i].State == SocketListen {
				want[i].SendQueue = 0
			}
		}
		kerneltest.EventuallySame(t, func() string {
			got, err := InetSockets(procNetTree(t, "tcp", "tcp6", "udp", "udp6", "raw"), 0)
			kerneltest.OK(t, err)
			return gocmp.Diff(want, sorted(got), timers)
		})
	}, unix.CLONE_NEWNET)
}

func TestInetSocketCookie(t *testing.T) {
	fd := kerneltest.Socket(t, unix.AF_INET, unix.SOCK_DGRAM, 0)
	kerneltest.OK(t, unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	h := sys.Root("")
	rows, err := InetSockets(h, 0)
	kerneltest.OK(t, err)
	i := slices.IndexFunc(rows, func(s InetSocket) bool { return s.Inode == kerneltest.Inode(t, fd) })
	if i < 0 || rows[i].Cookie != cookieOf(t, fd) {
		t.Errorf("at row %d: want a socket with cookie %x", i, cookieOf(t, fd))
	}
}

func TestTimeWait(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		p := connectTCP(t, unix.AF_INET, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}, 1)
		client, server := addrPort(t, p.client), addrPort(t, p.server)
		kerneltest.OK(t, unix.Close(p.client))
		kerneltest.OK(t, unix.Close(p.server))
		kerneltest.OK(t, unix.Close(p.listener))
		want := []InetSocket{{Protocol: "tcp", State: SocketTimeWait, Local: client, Remote: server,
			Timer: TimerTimeWait,
			Diag:  true}}
		kerneltest.EventuallySame(t, func() string {
			h := sys.Root("")
			got, err := InetSockets(h, 0)
			kerneltest.OK(t, err)
			return gocmp.Diff(want, got, cmpopts.IgnoreFields(InetSocket{}, "Cookie", "TimerMS"),
				cmpopts.EquateComparable(netip.AddrPort{}))
		})
	}, unix.CLONE_NEWNET)
}
