package sock

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"
)

// FindInet reads one socket again: the socket with the same addresses and the same cookie. s must come from sock_diag.
// fs.ErrNotExist: no socket has the addresses, or another socket has them.
func FindInet(s InetSocket) (InetSocket, error) {
	var found InetSocket
	read := func(b []byte) { found, _ = parseInetDiag(b) }
	asked := s
	if s.Protocol == "udp" || s.Protocol == "udplite" {
		// A question about one socket has the two ends swapped "for historical reasons" (net/ipv4/udp_diag.c,
		// udp_dump_one). SOCK_DESTROY has not.
		asked.Local, asked.Remote = s.Remote, s.Local
	}
	err := exactly(asked, unix.SOCK_DIAG_BY_FAMILY, 0, read)
	if err == nil && !found.Diag {
		err = errShortMessage
	}
	found.Protocol = s.Protocol
	return found, err
}

// DestroyInet ends a connection as if the network had failed (SOCK_DESTROY, net/ipv4/tcp.c tcp_abort). Its processes
// get ECONNABORTED, and a TCP peer gets a reset. The kernel compares the cookie: no other socket is ended. s must come
// from sock_diag. fs.ErrPermission: it needs CAP_NET_ADMIN in the socket's network namespace. errors.ErrUnsupported:
// the kernel cannot end sockets of the protocol (CONFIG_INET_DIAG_DESTROY). fs.ErrNotExist is as in FindInet.
func DestroyInet(s InetSocket) error {
	return exactly(s, sockDestroy, unix.NLM_F_ACK, func([]byte) {})
}

// sockDestroy is SOCK_DESTROY of include/uapi/linux/sock_diag.h.
const sockDestroy = 21

// exactly asks about one socket, and calls row with the answer's payload.
func exactly(s InetSocket, kind, flags uint16, row func([]byte)) error {
	protocol, _ := protocolNumber(s.Protocol)
	if !s.Destroyable() {
		return fmt.Errorf("sock_diag names no single socket of %s: %w", s.Protocol, errors.ErrUnsupported)
	}
	c, err := openDiag()
	if err != nil {
		return err
	}
	defer c.close()
	err = c.ask(exactRequest(s, protocol), kind, flags, row)
	if errors.Is(err, unix.ESTALE) { // sock_diag_check_cookie in net/core/sock_diag.c
		return fmt.Errorf("another socket has its addresses: %w", fs.ErrNotExist)
	}
	return err
}

// Destroyable is true if DestroyInet can name the socket.
func (s *InetSocket) Destroyable() bool {
	_, ok := protocolNumber(s.Protocol)
	return ok && s.Diag && s.Cookie != 0
}

// exactRequest is struct inet_diag_req_v2 with the socket's id (struct inet_diag_sockid).
func exactRequest(s InetSocket, protocol int) []byte {
	b := make([]byte, 56)
	b[0], b[1] = unix.AF_INET, uint8(protocol)
	if s.V6 {
		b[0] = unix.AF_INET6
	}
	binary.NativeEndian.PutUint32(b[4:], ^uint32(0))
	binary.BigEndian.PutUint16(b[8:], s.Local.Port())
	binary.BigEndian.PutUint16(b[10:], s.Remote.Port())
	copy(b[12:28], s.Local.Addr().AsSlice())
	copy(b[28:44], s.Remote.Addr().AsSlice())
	binary.NativeEndian.PutUint32(b[44:], s.Interface)
	binary.NativeEndian.PutUint32(b[48:], uint32(s.Cookie))
	binary.NativeEndian.PutUint32(b[52:], uint32(s.Cookie>>32))
	return b
}

// protocolNumber is the number of a protocol whose single sockets sock_diag can name. MPTCP has a number above 255, and
// no SOCK_DESTROY (net/mptcp/mptcp_diag.c).
func protocolNumber(name string) (int, bool) {
	for _, t := range inetTables() {
		if t.protocol == name && t.number != 0 && t.number <= unix.IPPROTO_RAW {
			return t.number, true
		}
	}
	return 0, false
}

// ask sends one request that is no dump.
func (c *diagConn) ask(request []byte, kind, flags uint16, row func([]byte)) error {
	if err := c.send(request, kind, unix.NLM_F_REQUEST|flags); err != nil {
		return err
	}
	b, err := c.receive()
	if err != nil {
		return err
	}
	_, err = diagAnswer(b, c.seq, row)
	return err
}
