package sock

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// SocketTimer is what a TCP socket's timer waits for (man 7 sock_diag).
type SocketTimer uint8

// The timers.
const (
	TimerOff SocketTimer = iota
	TimerRetransmit
	TimerKeepalive
	TimerTimeWait
	TimerProbe // zero window probe: the peer takes nothing
)

// InetSocket is one TCP, UDP or raw socket of the network namespace. A TCP socket that is neither bound, connected nor
// listening is on no list of the kernel, nor is such a UDP socket.
type InetSocket struct {
	Protocol string // tcp, udp, raw
	V6       bool   // an AF_INET6 socket; its addresses may be v4-mapped
	State    SocketState
	Inode    uint64 // in sockfs; 0: no process has it (not accepted yet, TIME-WAIT, closed with data left to send)
	Cookie   uint64 // never reused until the next boot; 0 without Diag
	// Local and Remote are as the kernel has them: v4-mapped stays so, all zero is "any". A raw socket's local port is
	// its protocol number.
	Local, Remote netip.AddrPort
	Interface     uint32 // index of the interface that it is bound to, 0: any. Only with Diag.
	// RecvQueue and SendQueue: for a listener the connections waiting for accept and the most that may wait (the latter
	// only with Diag); otherwise bytes to be read (UDP: memory they take) and bytes not acknowledged.
	RecvQueue, SendQueue uint32
	UID                  uint32 // of the creator, in the reader's user namespace; says nothing if Inode is 0
	Timer                SocketTimer
	TimerMS              uint32   // milliseconds until the timer fires
	Retrans              uint32   // retransmissions, or probes, so far
	Shutdown             Shutdown // only with Diag
	V6Only               bool     // a listening or unconnected AF_INET6 socket that takes no v4. Only with Diag.
	Diag                 bool     // told by sock_diag, not by /proc/net
	TCP                  *TCPInfo // of a TCP socket, with WithTCPInfo; else nil
	Congestion           string   // name of a TCP socket's congestion control, "cubic", with WithCongestion; else ""
}

// include/uapi/linux/inet_diag.h: attributes of an answer.
const (
	inetDiagMsgSize  = 72
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
	number   uint8 // IPPROTO_…
	v6       bool
	file     string // the same below /proc/net
}

func inetTables() []inetTable {
	return []inetTable{
		{"tcp", unix.IPPROTO_TCP, false, "tcp"},
		{"tcp", unix.IPPROTO_TCP, true, "tcp6"},
		{"udp", unix.IPPROTO_UDP, false, "udp"},
		{"udp", unix.IPPROTO_UDP, true, "udp6"},
		{"raw", unix.IPPROTO_RAW, false, "raw"},
		{"raw", unix.IPPROTO_RAW, true, "raw6"},
	}
}

// InetSockets lists the TCP, UDP and raw sockets of this process's network namespace, of every user, in the order tcp,
// udp, raw, each v4 first. A table that sock_diag does not serve (its module may be missing) is read from /proc/net,
// and a file tree always is: those rows have no extensions. An error may come with rows, which are then good as far as
// they go.
func InetSockets(root sys.Root, with Extensions) ([]InetSocket, error) {
	var rows []InetSocket
	var errs []error
	var c *diagConn
	if root.Live() {
		var err error
		if c, err = openDiag(); err == nil {
			defer c.close()
		}
	}
	for _, t := range inetTables() {
		if c != nil {
			got, err := c.inet(t, with, rows)
			if err == nil {
				rows = got
				continue
			}
			// Read the table again from /proc rather than showing a part of it.
		}
		got, err := procInetSockets(root, t)
		rows = append(rows, got...)
		if err != nil && !sys.Gone(err) { // no file: the kernel has no such protocol, or no IPv6
			errs = append(errs, err)
		}
	}
	return rows, errors.Join(errs...)
}

// inet appends one table's sockets to rows.
func (c *diagConn) inet(t inetTable, with Extensions, rows []InetSocket) ([]InetSocket, error) {
	// struct inet_diag_req_v2: family, protocol, extensions, pad, states, and a socket id that a dump does not use.
	request := make([]byte, 56)
	request[0], request[1] = unix.AF_INET, t.number
	if t.v6 {
		request[0] = unix.AF_INET6
	}
	if t.number == unix.IPPROTO_TCP {
		request[2] = uint8(with)
	}
	binary.NativeEndian.PutUint32(request[4:], ^uint32(0))
	err := c.dump(request, func(b []byte) {
		if s, ok := parseInetDiag(b); ok {
			s.Protocol = t.protocol
			rows = append(rows, s)
		}
	})
	return rows, err
}

// parseInetDiag reads struct inet_diag_msg and its attributes; false if there is less than that.
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

// diagAddr reads an address of 16 bytes in network order, of which IPv4 uses the first 4.
func diagAddr(b []byte, v6 bool) netip.Addr {
	if v6 {
		return netip.AddrFrom16([16]byte(b))
	}
	return netip.AddrFrom4([4]byte(b))
}
