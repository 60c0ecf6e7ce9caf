package collect

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/account"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
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
			"owner": schema.String(account.NewUsers(true).User(uid)),
			"uid":   schema.Int(int64(uid)), "inode": schema.Int(int64(ref.ID)),
			"holders": schema.Endpoints([]schema.Endpoint{self}, false),
		}}, s.holds(ref.Kind, fd))
	}, unix.CLONE_NEWNET)
}
