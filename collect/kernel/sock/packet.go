package sock

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/scan"
	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// PacketSocket is an AF_PACKET socket (man 7 packet): a sniffer, a DHCP client.
type PacketSocket struct {
	Type      SocketType // SOCK_RAW or SOCK_DGRAM
	Protocol  uint16     // ethertype of its frames: 3 is ETH_P_ALL
	Inode     uint64
	Interface uint32 // index of the interface that the socket is bound to, 0: all
	Running   bool   // the socket receives frames
	UID       uint32 // of the creator
	RecvMem   uint32 // memory of unread frames, bytes
	Drops     uint32 // frames lost because the reader was too slow. Only with Diag
	Fanout    bool   // the socket shares frames with other sockets of a group. Only with Diag
	Diag      bool   // the data comes from sock_diag, not from /proc/net
}

// include/uapi/linux/packet_diag.h
const (
	packetDiagMsgSize = 16
	packetShowInfo    = 0x01
	packetShowFanout  = 0x08
	packetShowMemInfo = 0x10
	packetDiagInfo    = 0
	packetDiagFanout  = 4
	packetDiagUID     = 5
	packetDiagMemInfo = 6
	packetRunning     = 0x1
)

// PacketSockets lists the packet sockets of every user in the thread's network namespace. Without sock_diag, and on a
// file tree, it reads /proc/net/packet.
func PacketSockets(root sys.Root) ([]PacketSocket, error) {
	if root.Live() {
		rows, err := diagDump(socketRequest(unix.AF_PACKET, 0, packetShowInfo|packetShowFanout|packetShowMemInfo),
			parsePacketDiag)
		if err == nil {
			return rows, nil
		}
	}
	return readNet(root, "packet", parseProcPacketLine)
}

// parsePacketDiag reads struct packet_diag_msg and its attributes. ok is false for a shorter payload.
func parsePacketDiag(b []byte) (PacketSocket, bool) {
	if len(b) < packetDiagMsgSize {
		return PacketSocket{}, false
	}
	s := PacketSocket{
		Type: SocketType(b[1]), Protocol: binary.NativeEndian.Uint16(b[2:]),
		Inode: uint64(binary.NativeEndian.Uint32(b[4:])), Diag: true,
	}
	for kind, data := range netlinkAttrs(b[packetDiagMsgSize:]) {
		switch {
		case kind == packetDiagInfo && len(data) >= 24:
			s.Interface = binary.NativeEndian.Uint32(data)
			s.Running = binary.NativeEndian.Uint32(data[20:])&packetRunning != 0
		case kind == packetDiagFanout:
			s.Fanout = true
		case kind == packetDiagUID && len(data) >= 4:
			s.UID = binary.NativeEndian.Uint32(data)
		case kind == packetDiagMemInfo:
			s.RecvMem, s.Drops = skMem(data, skMemRecv), skMem(data, skMemDrops)
		}
	}
	return s, s.Inode != 0
}

// parseProcPacketLine reads "sk RefCnt Type Proto Iface R Rmem User Inode" (net/packet/af_packet.c, packet_seq_show).
func parseProcPacketLine(f *scan.Fields) (PacketSocket, bool) {
	f.Skip(2)
	s := PacketSocket{Type: SocketType(f.Uint()), Protocol: uint16(f.Hex()), Interface: uint32(f.Int()),
		Running: f.Uint() != 0}
	s.RecvMem, s.UID, s.Inode = uint32(f.Uint()), uint32(f.Uint()), f.Uint()
	return s, s.Inode != 0
}

// EtherType is tcpdump's word for an ethertype (include/uapi/linux/if_ether.h); "" for an ethertype without a name.
func EtherType(n uint16) string {
	switch n {
	case 0:
		return "none"
	case unix.ETH_P_ALL:
		return "all"
	case unix.ETH_P_IP:
		return "ip"
	case unix.ETH_P_ARP:
		return "arp"
	case unix.ETH_P_IPV6:
		return "ip6"
	case unix.ETH_P_8021Q:
		return "vlan"
	case unix.ETH_P_PAE:
		return "eapol"
	case unix.ETH_P_LLDP:
		return "lldp"
	case unix.ETH_P_802_2:
		return "802.2"
	}
	return ""
}
