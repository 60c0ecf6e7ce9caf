package sock

import (
	"encoding/binary"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/sys"
)

func TestNetlinkSockets(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		fd := kerneltest.Socket(t, unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE)
		kerneltest.OK(t, unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Pid: 4711, Groups: 0b101}))
		kerneltest.OK(t, unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_ADD_MEMBERSHIP, 33))
		max, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF)
		kerneltest.OK(t, err)
		got, err := NetlinkSockets(sys.Root(""))
		kerneltest.OK(t, err)
		want := NetlinkSocket{Protocol: unix.NETLINK_ROUTE, Type: SocketRaw, Inode: kerneltest.Inode(t, fd),
			PortID: 4711,
			Groups: []uint32{1, 3, 33}, RecvMax: uint32(max), Diag: true}
		if diff := cmp.Diff([]NetlinkSocket{want}, got); diff != "" {
			t.Errorf("sock_diag (-want +got):\n%s", diff)
		}
		fromProc, err := readNet(sys.Root(""), "netlink", parseProcNetlinkLine)
		kerneltest.OK(t, err)
		want.Type, want.Groups, want.RecvMax, want.Diag = 0, []uint32{1, 3}, 0, false
		if diff := cmp.Diff([]NetlinkSocket{want}, fromProc); diff != "" {
			t.Errorf("/proc/net/netlink (-want +got):\n%s", diff)
		}
	}, unix.CLONE_NEWNET)
}

func TestPacketSockets(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		const all = unix.ETH_P_ALL << 8 // htons
		fd := kerneltest.Socket(t, unix.AF_PACKET, unix.SOCK_RAW, all)
		kerneltest.OK(t, unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: uint16(all), Ifindex: 1}))
		got, err := PacketSockets(sys.Root(""))
		kerneltest.OK(t, err)
		want := PacketSocket{Type: SocketRaw, Protocol: unix.ETH_P_ALL, Inode: kerneltest.Inode(t, fd), Interface: 1,
			Running: true, UID: uint32(os.Getuid()), Diag: true}
		if diff := cmp.Diff([]PacketSocket{want}, got); diff != "" {
			t.Errorf("sock_diag (-want +got):\n%s", diff)
		}
		fromProc, err := readNet(sys.Root(""), "packet", parseProcPacketLine)
		kerneltest.OK(t, err)
		want.Diag = false
		if diff := cmp.Diff([]PacketSocket{want}, fromProc); diff != "" {
			t.Errorf("/proc/net/packet (-want +got):\n%s", diff)
		}
	}, unix.CLONE_NEWNET)
}

// The kernel of the tests may lack vsock_diag. This is the answer of a kernel with it.
func TestParseVsockDiag(t *testing.T) {
	b := []byte{unix.AF_VSOCK, 1, 10, 2}
	for _, n := range []uint32{2, 1024, ^uint32(0), ^uint32(0), 77, 0x11223344, 0x55} {
		b = binary.NativeEndian.AppendUint32(b, n)
	}
	got, ok := parseVsockDiag(b)
	want := VsockSocket{Type: SocketStream, State: SocketListen, Shutdown: ShutdownSend, Inode: 77,
		Cookie: 0x5511223344,
		Local:  VsockAddr{2, 1024}, Remote: VsockAddr{^uint32(0), ^uint32(0)}}
	if diff := cmp.Diff(want, got); !ok || diff != "" {
		t.Errorf("ok %v (-want +got):\n%s", ok, diff)
	}
	if !got.Remote.Any() || got.Local.Any() {
		t.Error("Any is wrong")
	}
	if _, ok := parseVsockDiag(b[:31]); ok {
		t.Error("a cut message is taken for a socket")
	}
	if _, err := VsockSockets(sys.Root("")); err != nil && err != ErrNoVsockDiag {
		t.Errorf("this kernel: %v", err)
	}
}

func FuzzParseOtherSockets(f *testing.F) {
	f.Add([]byte("sk Eth\n0 15 201 00000003 0 0 0 2 0 9020\n"))
	f.Add([]byte("sk RefCnt\n0 3 3 0003 2 1 0 0 9021\n"))
	f.Add(make([]byte, 64))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, s := range first(parseNet(b, parseProcNetlinkLine)) {
			if s.Inode == 0 || s.PortID == 0 || len(s.Groups) > 32 {
				t.Errorf("%+v", s)
			}
		}
		for _, s := range first(parseNet(b, parseProcPacketLine)) {
			if s.Inode == 0 {
				t.Errorf("%+v", s)
			}
		}
		if s, ok := parseNetlinkDiag(b); ok && (s.Inode == 0 || len(s.Groups) > 8*len(b)) {
			t.Errorf("%+v", s)
		}
		parsePacketDiag(b)
		parseVsockDiag(b)
	})
}

func first[T any](rows T, _ error) T { return rows }
