package sock

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"

	"golang.org/x/sys/unix"
)

// The netlink wire format (man 7 netlink, include/uapi/linux/netlink.h). A datagram holds messages. A message has a
// header and a payload. A payload has a fixed struct and attributes. Numbers are in the machine's byte order.
const (
	nlmsgHeader  = 16
	nlattrHeader = 4
	// The kernel builds no larger datagram for a dump (net/netlink/af_netlink.c, netlink_recvmsg: 32 KiB less
	// overhead).
	netlinkBuffer = 32 << 10
	// The kernel answers at once. The limit only prevents an endless refresh.
	netlinkTimeoutSeconds = 5
)

// nlmsg is one netlink message; data points into the receive buffer.
type nlmsg struct {
	kind, flags uint16
	seq         uint32
	data        []byte
}

// errShortMessage means that a length field contradicts the received bytes.
var errShortMessage = errors.New("malformed netlink message")

// netlinkMessages cuts a datagram into its messages. A wrong length ends the sequence with an error.
func netlinkMessages(b []byte) iter.Seq2[nlmsg, error] {
	return func(yield func(nlmsg, error) bool) {
		for len(b) > 0 {
			if len(b) < nlmsgHeader {
				yield(nlmsg{}, errShortMessage)
				return
			}
			size := int(binary.NativeEndian.Uint32(b))
			if size < nlmsgHeader || size > len(b) {
				yield(nlmsg{}, errShortMessage)
				return
			}
			m := nlmsg{
				kind:  binary.NativeEndian.Uint16(b[4:]),
				flags: binary.NativeEndian.Uint16(b[6:]),
				seq:   binary.NativeEndian.Uint32(b[8:]),
				data:  b[nlmsgHeader:size:size],
			}
			if !yield(m, nil) {
				return
			}
			b = b[min(align4(size), len(b)):]
		}
	}
}

// netlinkAttrs cuts the attributes after a message's fixed part. A malformed attribute ends the sequence.
func netlinkAttrs(b []byte) iter.Seq2[uint16, []byte] {
	return func(yield func(uint16, []byte) bool) {
		for len(b) >= nlattrHeader {
			size := int(binary.NativeEndian.Uint16(b))
			if size < nlattrHeader || size > len(b) {
				return
			}
			// The two top bits are about the payload's encoding, not its type (NLA_TYPE_MASK).
			kind := binary.NativeEndian.Uint16(b[2:]) & 0x3fff
			if !yield(kind, b[nlattrHeader:size:size]) {
				return
			}
			b = b[min(align4(size), len(b)):]
		}
	}
}

func align4(n int) int { return (n + 3) &^ 3 }

// diagConn is a NETLINK_SOCK_DIAG socket. It answers for the network namespace of its opening, on any thread.
type diagConn struct {
	fd  int
	seq uint32
	buf []byte
}

func openDiag() (*diagConn, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return nil, fmt.Errorf("open a sock_diag socket: %w", err)
	}
	limit := unix.Timeval{Sec: netlinkTimeoutSeconds}
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("set a time limit on a sock_diag socket: %w", err)
	}
	return &diagConn{fd: fd, buf: make([]byte, netlinkBuffer)}, nil
}

func (c *diagConn) close() { unix.Close(c.fd) }

// dump sends one SOCK_DIAG_BY_FAMILY dump request and calls row with the payload of each answer. The bytes are valid
// during the call. After an error the payloads before it are still good.
func (c *diagConn) dump(request []byte, row func([]byte)) error {
	if err := c.send(request, unix.SOCK_DIAG_BY_FAMILY, unix.NLM_F_REQUEST|unix.NLM_F_DUMP); err != nil {
		return err
	}
	for {
		b, err := c.receive()
		if err != nil {
			return err
		}
		done, err := diagAnswer(b, c.seq, row)
		if done || err != nil {
			return err
		}
	}
}

// send sends one request.
func (c *diagConn) send(request []byte, kind, flags uint16) error {
	c.seq++
	msg := make([]byte, nlmsgHeader, nlmsgHeader+len(request))
	binary.NativeEndian.PutUint32(msg, uint32(nlmsgHeader+len(request)))
	binary.NativeEndian.PutUint16(msg[4:], kind)
	binary.NativeEndian.PutUint16(msg[6:], flags)
	binary.NativeEndian.PutUint32(msg[8:], c.seq)
	msg = append(msg, request...)
	if err := unix.Sendto(c.fd, msg, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("ask sock_diag: %w", err)
	}
	return nil
}

// receive reads one datagram from the kernel.
func (c *diagConn) receive() ([]byte, error) {
	for {
		n, _, flags, from, err := unix.Recvmsg(c.fd, c.buf, nil, 0)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return nil, fmt.Errorf("read from sock_diag: %w", err)
		case flags&unix.MSG_TRUNC != 0:
			return nil, fmt.Errorf("read from sock_diag: an answer over %d bytes: %w", len(c.buf), errShortMessage)
		}
		// Other processes may send to a netlink socket too; only the kernel has port 0.
		if sender, ok := from.(*unix.SockaddrNetlink); ok && sender.Pid == 0 {
			return c.buf[:n], nil
		}
	}
}

// diagAnswer reads one datagram of a dump's answer. done is true for the last datagram.
func diagAnswer(b []byte, seq uint32, row func([]byte)) (done bool, err error) {
	for m, err := range netlinkMessages(b) {
		if err != nil {
			return false, fmt.Errorf("read from sock_diag: %w", err)
		}
		if m.seq != seq {
			continue // the rest of an earlier dump that was broken off
		}
		switch m.kind {
		case unix.NLMSG_DONE, unix.NLMSG_ERROR:
			// Both carry an int32, 0 or a negative errno. A dump of a protocol whose diag module is missing
			// ends with DONE and ENOENT, without any ERROR (net/ipv4/inet_diag.c, __inet_diag_dump).
			if len(m.data) >= 4 {
				if errno := int32(binary.NativeEndian.Uint32(m.data)); errno < 0 {
					return true, fmt.Errorf("sock_diag: %w", unix.Errno(-errno))
				}
			}
			return true, nil
		case unix.SOCK_DIAG_BY_FAMILY:
			row(m.data)
		}
	}
	return false, nil
}
