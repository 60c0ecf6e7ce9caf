package collect

import (
	"maps"
	"os"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/collecttest"
	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/sock"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

func TestNetlinkSocketOfTheTest(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newScene(t)
		fd := s.socket(unix.AF_NETLINK, unix.SOCK_DGRAM, unix.NETLINK_KOBJECT_UEVENT)
		s.check(unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Pid: 4711, Groups: 3}))
		size, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF)
		s.check(err)
		self := s.self
		self.FD, self.Mode = fd, ""
		ref := schema.Ref{Kind: schema.Netlink, ID: s.inode(fd)}
		s.compare(schema.Netlink, map[string]cells{ref.String(): {
			"proto": schema.String("kobject_uevent"), "type": schema.String("dgram"), "port": schema.Int(4711),
			"peer_port": schema.Int(0),
			"groups":    schema.List([]string{"1", "2"}), "recvq": schema.Int(0), "rcvbuf": schema.Int(int64(size)),
			"sendq": schema.Int(0),
			"drops": schema.Int(0), "inode": schema.Int(int64(ref.ID)),
			"holders": schema.Endpoints([]schema.Endpoint{self}, false),
		}}, s.holds(ref.Kind, fd))
	}, unix.CLONE_NEWNET)
}

func TestPacketSocketOfTheTest(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newScene(t)
		const arp = unix.ETH_P_ARP << 8 & 0xffff // htons of ETH_P_ARP on a little-endian machine
		proto := arp | unix.ETH_P_ARP>>8
		fd := s.socket(unix.AF_PACKET, unix.SOCK_DGRAM, proto)
		s.check(unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: uint16(proto), Ifindex: 1}))
		self := s.self
		self.FD = fd
		ref := schema.Ref{Kind: schema.Packet, ID: s.inode(fd)}
		uid := uint32(os.Getuid())
		s.compare(schema.Packet, map[string]cells{ref.String(): {
			"type": schema.String("dgram"), "proto": schema.String("arp"), "device": schema.String("lo"),
			"state": schema.String("running"),
			"recvq": schema.Int(0), "drops": schema.Int(0), "fanout": schema.Bool(false),
			"owner": schema.String(proc.NewUsers(true).User(uid)),
			"uid":   schema.Int(int64(uid)), "inode": schema.Int(int64(ref.ID)),
			"holders": schema.Endpoints([]schema.Endpoint{self}, false),
		}}, s.holds(ref.Kind, fd))
	}, unix.CLONE_NEWNET)
}

// Few test kernels list vsock sockets. This file has the form of a kernel with vsock_diag.
func TestVsocks(t *testing.T) {
	host, err := kernel.Open(collecttest.New(t).Root)
	if err != nil {
		t.Fatal(err)
	}
	anywhere := sock.VsockAddr{CID: ^uint32(0), Port: ^uint32(0)}
	server, client := sock.VsockAddr{CID: 1, Port: 1024}, sock.VsockAddr{CID: 1, Port: 4000000000}
	list := []sock.VsockSocket{
		{Type: sock.SocketStream, State: sock.SocketListen, Inode: 7, Cookie: 1,
			Local: sock.VsockAddr{CID: ^uint32(0), Port: 1024}, Remote: anywhere},
		{Type: sock.SocketStream, State: sock.SocketEstablished, Inode: 8, Cookie: 2, Local: server, Remote: client},
		{Type: sock.SocketStream, State: sock.SocketEstablished, Inode: 9, Cookie: 3, Local: client, Remote: server,
			Shutdown: sock.ShutdownSend},
		{Type: sock.SocketStream, State: sock.SocketEstablished, Cookie: 0x4a, Local: sock.VsockAddr{CID: 2, Port: 5},
			Remote: sock.VsockAddr{CID: 3, Port: 6}},
	}
	snap := &Snapshot{Objects: map[schema.Kind][]*schema.Object{}}
	f := &proc.Tick{Host: host, Needs: kinds.HolderNeeds}
	snap.Objects[schema.Vsock], err = kinds.ListVsocks(f, func() ([]sock.VsockSocket, error) { return list, nil })
	if err != nil {
		t.Fatal(err)
	}
	snap.Edges = kinds.Vsock().Relate(f, snap.Objects[schema.Vsock])
	rows, edges := table(snap, schema.Vsock)
	str, nobody := schema.String, schema.Endpoints(nil, false)
	row := func(state, local string, more cells) cells {
		c := cells{"type": str("stream"), "state": str(state), "local": str(local),
			"ns_leader": schema.Uncollected(schema.TypeString)}
		maps.Copy(c, more)
		return c
	}
	want := map[string]cells{
		"vsock:7": row("LISTEN", "*:1024", cells{"inode": schema.Int(7), "holders": nobody}),
		"vsock:8": row("ESTAB", "1:1024", cells{"inode": schema.Int(8), "holders": nobody, "peer": str("1:4000000000")}),
		"vsock:9": row("ESTAB", "1:4000000000",
			cells{"inode": schema.Int(9), "holders": nobody, "peer": str("1:1024"), "shutdown": str("wr")}),
		"vsock:sk:4a": row("ESTAB", "2:5", cells{"peer": str("3:6")}),
	}
	if diff := gocmp.Diff(want, rows) + gocmp.Diff([]string{"vsock:8 peer vsock:9  observed"}, edges); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
