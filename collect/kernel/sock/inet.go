package sock

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// SocketTimer is the running timer of a TCP socket (man 7 sock_diag).
type SocketTimer uint8

// The timers.
const (
	TimerOff SocketTimer = iota
	TimerRetransmit
	TimerKeepalive
	TimerTimeWait
	TimerProbe // zero window probe: the peer has no room
)

// InetSocket is one socket of the Internet protocols in the network namespace. The kernel lists no TCP or UDP socket
// that is neither bound nor connected nor listening.
type InetSocket struct {
	Protocol string // mptcp, tcp, udp, udplite, raw, ping
	V6       bool   // an AF_INET6 socket; its addresses may be v4-mapped
	State    SocketState
	Inode    uint64 // in sockfs; 0: no process has it (not accepted yet, TIME-WAIT, closed with unsent data)
	Cookie   uint64 // unique until the next boot; 0 without Diag
	// Local and Remote have the kernel's form: v4-mapped addresses stay v4-mapped, all zero is "any". A raw socket's
	// local port is its protocol number, a ping socket's is the identifier in its packets.
	Local, Remote netip.AddrPort
	Interface     uint32 // index of the interface that the socket is bound to, 0: any. Only with Diag.
	// RecvQueue and SendQueue of a listener: the connections that wait for accept, and their limit (the limit only with
	// Diag). Of other sockets: bytes to read (UDP: memory of the unread datagrams), and bytes without acknowledgement.
	RecvQueue, SendQueue uint32
	UID                  uint32 // of the creator, in the reader's user namespace; not valid if Inode is 0
	Timer                SocketTimer
	TimerMS              uint32   // milliseconds until the timer fires
	Retrans              uint32   // retransmissions, or probes, so far
	Shutdown             Shutdown // only with Diag
	V6Only               bool     // a listening or unconnected AF_INET6 socket that refuses IPv4. Only with Diag.
	Diag                 bool     // the data comes from sock_diag, not from /proc/net
	TCP                  *TCPInfo // of a TCP socket, with WithTCPInfo; else nil
	Congestion           string   // name of a TCP socket's congestion control, "cubic", with WithCongestion; else ""
}

// include/uapi/linux/inet_diag.h: attributes of an answer.
const (
	inetDiagMsgSize  = 72
	inetDiagProtocol = 3 // of a request: a protocol number above 255
	inetDiagInfo     = 2
	inetDiagCong     = 4
	inetDiagShutdown = 8
	inetDiagV6Only   = 11
)

// Extensions are attributes that sock_diag adds to an answer when the request names them (idiag_ext of struct
// inet_diag_req_v2: bit n-1 for INET_DIAG_n). Each makes a dump take longer.
type Extensions uint8

// The extensions that are asked for, of TCP alone.
const (
	WithTCPInfo    Extensions = 1 << (inetDiagInfo - 1)
	WithCongestion Extensions = 1 << (inetDiagCong - 1)
)

// inetTable is one of the kernel's lists.
type inetTable struct {
	protocol string
	number   int // IPPROTO_…; 0: sock_diag has no such list
	v6       bool
	file     string // the same below /proc/net; "": there is none
	counter  string // the line of /proc/net/protocols with the number of sockets; "": ask always
}

// inetTables lists MPTCP first. /proc/net has no MPTCP sockets, but their TCP connections are in the TCP tables.
func inetTables() []inetTable {
	return []inetTable{
		{"mptcp", unix.IPPROTO_MPTCP, false, "", "MPTCP"},
		{"mptcp", unix.IPPROTO_MPTCP, true, "", "MPTCPv6"},
		{"tcp", unix.IPPROTO_TCP, false, "tcp", ""},
		{"tcp", unix.IPPROTO_TCP, true, "tcp6", ""},
		{"udp", unix.IPPROTO_UDP, false, "udp", ""},
		{"udp", unix.IPPROTO_UDP, true, "udp6", ""},
		{"udplite", unix.IPPROTO_UDPLITE, false, "udplite", "UDP-Lite"},
		{"udplite", unix.IPPROTO_UDPLITE, true, "udplite6", "UDPLITEv6"},
		{"raw", unix.IPPROTO_RAW, false, "raw", ""},
		{"raw", unix.IPPROTO_RAW, true, "raw6", ""},
		{"ping", 0, false, "icmp", "PING"},
		{"ping", 0, true, "icmp6", "PINGv6"},
	}
}

// InetSockets lists the sockets of every user in this process's network namespace, in the order of inetTables: for each
// protocol, v4 first. If sock_diag does not serve a table (its module may be missing), InetSockets reads it
// from /proc/net. A file tree has only /proc/net. Rows of /proc/net have no
// extensions. The result may have rows beside an error; these rows are good.
func InetSockets(root sys.Root, with Extensions) ([]InetSocket, error) {
	var rows []InetSocket
	var errs []error
	var c *diagConn
	var counts map[string]int
	if root.Live() {
		var err error
		if c, err = openDiag(); err == nil {
			defer c.close()
		}
		counts = protocolCounts(root)
	}
	for _, t := range inetTables() {
		// The question for a rare protocol could make the kernel load a module.
		if n, ok := counts[t.counter]; ok && n == 0 {
			continue
		}
		if c != nil && t.number != 0 {
			got, err := c.inet(t, with, rows)
			if err == nil {
				rows = got
				continue
			}
			// Read the whole table from /proc, instead of showing a part of it.
		}
		if t.file == "" {
			continue
		}
		got, err := procInetSockets(root, t)
		rows = append(rows, got...)
		if err != nil && !sys.Gone(err) { // a missing file: the kernel lacks the protocol, or IPv6
			errs = append(errs, err)
		}
	}
	return rows, errors.Join(errs...)
}

// inet appends one table's sockets to rows.
func (c *diagConn) inet(t inetTable, with Extensions, rows []InetSocket) ([]InetSocket, error) {
	// struct inet_diag_req_v2: family, protocol, extensions, pad, states, and a socket id, which a dump does not use.
	request := make([]byte, 56)
	request[0], request[1] = unix.AF_INET, uint8(t.number)
	if t.v6 {
		request[0] = unix.AF_INET6
	}
	if t.number == unix.IPPROTO_TCP {
		request[2] = uint8(with)
	}
	binary.NativeEndian.PutUint32(request[4:], ^uint32(0))
	if t.number > math.MaxUint8 {
		request = binary.NativeEndian.AppendUint16(request, nlattrHeader+4)
		request = binary.NativeEndian.AppendUint16(request, inetDiagProtocol)
		request = binary.NativeEndian.AppendUint32(request, uint32(t.number))
	}
	err := c.dump(request, func(b []byte) {
		if s, ok := parseInetDiag(b); ok {
			s.Protocol = t.protocol
			rows = append(rows, s)
		}
	})
	return rows, err
}

// parseInetDiag reads struct inet_diag_msg and its attributes. ok is false for a shorter payload.
func parseInetDiag(b []byte) (InetSocket, bool) {
	if len(b) < inetDiagMsgSize {
		return InetSocket{}, false
	}
	v6 := b[0] == unix.AF_INET6
	s := InetSocket{
		V6:        v6,
		State:     SocketState(b[1]),
		Timer:     SocketTimer(b[2]),
		Retrans:   uint32(b[3]),
		Local:     netip.AddrPortFrom(diagAddr(b[8:24], v6), binary.BigEndian.Uint16(b[4:])),
		Remote:    netip.AddrPortFrom(diagAddr(b[24:40], v6), binary.BigEndian.Uint16(b[6:])),
		Interface: binary.NativeEndian.Uint32(b[40:]),
		Cookie:    diagCookie(b[44:]),
		TimerMS:   binary.NativeEndian.Uint32(b[52:]),
		RecvQueue: binary.NativeEndian.Uint32(b[56:]),
		SendQueue: binary.NativeEndian.Uint32(b[60:]),
		UID:       binary.NativeEndian.Uint32(b[64:]),
		Inode:     uint64(binary.NativeEndian.Uint32(b[68:])),
		Diag:      true,
	}
	for kind, data := range netlinkAttrs(b[inetDiagMsgSize:]) {
		switch {
		case len(data) < 1:
		case kind == inetDiagShutdown:
			s.Shutdown = Shutdown(data[0])
		case kind == inetDiagV6Only:
			s.V6Only = data[0] != 0
		case kind == inetDiagCong:
			s.Congestion = string(bytes.TrimRight(data, "\x00"))
		case kind == inetDiagInfo && len(data) >= tcpInfoSize:
			s.TCP = &TCPInfo{}
			s.TCP.read(data)
		}
	}
	return s, true
}

// diagAddr reads an address of 16 bytes in network order. IPv4 uses the first 4.
func diagAddr(b []byte, v6 bool) netip.Addr {
	if v6 {
		return netip.AddrFrom16([16]byte(b))
	}
	return netip.AddrFrom4([4]byte(b))
}
