package sock

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// UnixNaming is the kind of a UNIX socket's name (man 7 unix).
type UnixNaming uint8

// The three kinds of names.
const (
	UnixUnnamed  UnixNaming = iota
	UnixPath                // a file system path, as the program gave it to bind: it may be relative, or gone
	UnixAbstract            // a name outside the file system; shown as @name
)

// UnixSocket is one AF_UNIX socket of the network namespace.
type UnixSocket struct {
	Inode  uint64 // in sockfs: the number N in the link socket:[N] of /proc/PID/fd
	Cookie uint64 // unique until the next boot; 0 without Diag
	Type   SocketType
	State  SocketState
	Naming UnixNaming
	// Diag means that the data comes from sock_diag. /proc/net/unix has no cookie, file, peer, queues, shutdown or
	// pending clients.
	Diag     bool
	HasUID   bool // since Linux 5.3
	Shutdown Shutdown
	UID      uint32 // of the socket's creator, in the reader's user namespace
	// Name is the path or abstract name as bytes. It lacks the NUL at a path's end and the NUL before an abstract name.
	// In /proc/net/unix, a NUL inside an abstract name is '@'.
	Name string
	// FileInode and FileDevice identify the socket's file; 0 if it has none. FileDevice is an st_dev.
	FileInode, FileDevice uint64

	// Peer is the inode of the other end. 0: there is none, or the socket is a client that waits for accept.
	Peer uint64
	// Pending are the inodes of the clients that wait for a listener's accept, in their order. Beyond some 8,000
	// clients the kernel lists none; RecvQueue still counts them.
	Pending []uint64
	// RecvQueue and SendQueue of a listener: the clients that wait, and their limit (listen's backlog). Of other
	// sockets: bytes to read (SOCK_DGRAM: only of the first datagram), and memory of sent and unread data.
	RecvQueue, SendQueue uint32
}

// include/uapi/linux/unix_diag.h
const (
	unixDiagName     = 0
	unixDiagVFS      = 1
	unixDiagPeer     = 2
	unixDiagIcons    = 3
	unixDiagRqlen    = 4
	unixDiagShutdown = 6
	unixDiagUID      = 7

	unixShowName  = 0x01
	unixShowVFS   = 0x02
	unixShowPeer  = 0x04
	unixShowIcons = 0x08
	unixShowRqlen = 0x10
	unixShowUID   = 0x40

	unixDiagMsgSize = 16
)

// UnixSockets lists the AF_UNIX sockets of every user in this process's network namespace. The kernel makes a socket
// for each client that waits for accept; the result leaves these sockets out. The listener's Pending has their
// clients.
//
// The result may have rows beside an error; these rows are good. Without sock_diag the rows come from /proc/net/unix,
// and the error explains why they lack peers and queues. A file tree has only /proc/net/unix.
func UnixSockets(root sys.Root) ([]UnixSocket, error) {
	if !root.Live() {
		return procUnixSockets(root)
	}
	rows, err := diagUnixSockets()
	if err == nil || len(rows) > 0 {
		return rows, err
	}
	fallback, procErr := procUnixSockets(root)
	if procErr != nil {
		return fallback, fmt.Errorf("%w; %w", err, procErr)
	}
	return fallback, fmt.Errorf("no peers and queues of unix sockets: %w", err)
}

func diagUnixSockets() ([]UnixSocket, error) {
	c, err := openDiag()
	if err != nil {
		return nil, err
	}
	defer c.close()
	var list gathered[UnixSocket]
	pending := false
	err = c.dump(unixDiagRequest(^uint32(0), unixShowName|unixShowVFS|unixShowPeer|unixShowRqlen|unixShowUID),
		func(b []byte) {
			if s, ok := parseUnixDiag(b); ok {
				list.add(s)
				pending = pending || s.State == SocketListen && s.RecvQueue > 0
			}
		})
	rows := list.all()
	if err != nil || !pending {
		return rows, err
	}
	return rows, c.unixPending(rows)
}

// unixPending fills in the clients that wait at the listeners. It is a dump of its own. A socket whose attributes do
// not fit into a datagram silently ends the dump (net/unix/diag.c, unix_diag_dump), and must not hide other sockets.
// 8,500 pending clients are too many for a datagram. In the first dump of a netlink socket 2,500 are too many,
// because the kernel does not know the reader's buffer yet. Both were tried on Linux 6.18.
func (c *diagConn) unixPending(rows []UnixSocket) error {
	waiting := map[uint64][]uint64{}
	err := c.dump(unixDiagRequest(1<<SocketListen, unixShowIcons), func(b []byte) {
		if s, ok := parseUnixDiag(b); ok && len(s.Pending) > 0 {
			waiting[s.Cookie] = s.Pending
		}
	})
	for i := range rows {
		rows[i].Pending = waiting[rows[i].Cookie]
	}
	return err
}

// unixDiagRequest is struct unix_diag_req. states is a mask of 1<<SocketState.
func unixDiagRequest(states, show uint32) []byte {
	b := make([]byte, 24)
	b[0] = unix.AF_UNIX
	binary.NativeEndian.PutUint32(b[4:], states)
	binary.NativeEndian.PutUint32(b[12:], show)
	binary.NativeEndian.PutUint64(b[16:], ^uint64(0)) // INET_DIAG_NOCOOKIE
	return b
}

// parseUnixDiag reads struct unix_diag_msg and its attributes. ok is false for a shorter payload.
func parseUnixDiag(b []byte) (UnixSocket, bool) {
	if len(b) < unixDiagMsgSize {
		return UnixSocket{}, false
	}
	s := UnixSocket{
		Type:   SocketType(b[1]),
		State:  SocketState(b[2]),
		Inode:  uint64(binary.NativeEndian.Uint32(b[4:])),
		Cookie: diagCookie(b[8:]),
		Diag:   true,
	}
	for kind, data := range netlinkAttrs(b[unixDiagMsgSize:]) {
		s.setDiagAttr(kind, data)
	}
	return s, true
}

func (s *UnixSocket) setDiagAttr(kind uint16, data []byte) {
	switch {
	case kind == unixDiagName && len(data) > 0:
		s.Naming, s.Name = unixDiagPathOrAbstract(data)
	case kind == unixDiagVFS && len(data) >= 8:
		s.FileInode = uint64(binary.NativeEndian.Uint32(data))
		// The kernel's own dev_t has 12 bits of major and 20 of minor (include/linux/kdev_t.h). It is no st_dev.
		dev := binary.NativeEndian.Uint32(data[4:])
		s.FileDevice = unix.Mkdev(dev>>20, dev&(1<<20-1))
	case kind == unixDiagPeer && len(data) >= 4:
		s.Peer = uint64(binary.NativeEndian.Uint32(data))
	case kind == unixDiagIcons:
		for ; len(data) >= 4; data = data[4:] {
			// 0 is a client that closed before accept.
			if inode := binary.NativeEndian.Uint32(data); inode != 0 {
				s.Pending = append(s.Pending, uint64(inode))
			}
		}
	case kind == unixDiagRqlen && len(data) >= 8:
		s.RecvQueue = binary.NativeEndian.Uint32(data)
		s.SendQueue = binary.NativeEndian.Uint32(data[4:])
	case kind == unixDiagShutdown && len(data) >= 1:
		s.Shutdown = Shutdown(data[0])
	case kind == unixDiagUID && len(data) >= 4:
		s.UID, s.HasUID = binary.NativeEndian.Uint32(data), true
	}
}

// unixDiagPathOrAbstract reads sun_path. A path may have or lack its NUL at the end. An abstract name starts with a
// NUL; it has no end mark and may hold more NULs.
func unixDiagPathOrAbstract(data []byte) (UnixNaming, string) {
	if data[0] == 0 {
		return UnixAbstract, string(data[1:])
	}
	if data[len(data)-1] == 0 {
		data = data[:len(data)-1]
	}
	return UnixPath, string(data)
}

// diagCookie reads a cookie of two u32, low half first (net/core/sock_diag.c, sock_diag_save_cookie).
func diagCookie(b []byte) uint64 {
	return uint64(binary.NativeEndian.Uint32(b)) | uint64(binary.NativeEndian.Uint32(b[4:]))<<32
}
