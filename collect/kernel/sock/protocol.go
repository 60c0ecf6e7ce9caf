package sock

import (
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// Protocol is the kernel's name of the protocol of a thread's socket, as in /proc/net/protocols: "AF_VSOCK". The file
// system of sockets has it as an attribute (sockfs_xattr_get, net/socket.c). It opens and changes nothing. It is "" for
// another file. fs.ErrPermission: as for the link of the descriptor.
func Protocol(tid, fd int) (string, error) {
	var buf [128]byte // the name of struct proto has at most 32 bytes
	n, err := unix.Getxattr(fmt.Sprintf("/proc/%d/fd/%d", tid, fd), "system.sockprotoname", buf[:])
	if err == unix.ENODATA || err == unix.EOPNOTSUPP {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("protocol of descriptor %d of thread %d: %w", fd, tid, err)
	}
	return unix.ByteSliceToString(buf[:n]), nil
}

// VsockProtocol is the Protocol of vsock sockets.
const VsockProtocol = "AF_VSOCK"

// ErrNoVsockDiag means that the kernel may have vsock sockets, but no vsock_diag to list them.
var ErrNoVsockDiag = errors.New("the kernel has VM sockets but nothing that lists them (vsock_diag)")

// VsockOf asks a vsock socket by a thread's descriptor for what vsock_diag would tell, apart from Shutdown and Cookie.
// It duplicates the socket for some microseconds (sys.DupFD). ino is the socket's inode. fs.ErrNotExist: the descriptor
// leads elsewhere now. fs.ErrPermission: the right to ptrace the process is missing.
func VsockOf(tid, fd int, ino uint64) (VsockSocket, error) {
	anywhere := VsockAddr{^uint32(0), ^uint32(0)}
	s := VsockSocket{State: SocketClosed, Inode: ino, Local: anywhere, Remote: anywhere}
	dup, err := sys.DupFD(tid, fd)
	if err != nil {
		return s, err
	}
	defer unix.Close(dup)
	var st unix.Stat_t
	if err := unix.Fstat(dup, &st); err != nil || st.Ino != ino {
		return s, fmt.Errorf("descriptor %d of thread %d is another file now: %w", fd, tid, fs.ErrNotExist)
	}
	typ, err := unix.GetsockoptInt(dup, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil {
		return s, fmt.Errorf("type of descriptor %d of thread %d: %w", fd, tid, err)
	}
	s.Type = SocketType(typ)
	if at, err := unix.Getsockname(dup); err == nil {
		s.Local = vsockAddrOf(at)
	}
	if at, err := unix.Getpeername(dup); err == nil { // ENOTCONN: it has no peer
		s.State, s.Remote = SocketEstablished, vsockAddrOf(at)
	}
	if listens, err := unix.GetsockoptInt(dup, unix.SOL_SOCKET, unix.SO_ACCEPTCONN); err == nil && listens != 0 {
		s.State = SocketListen
	}
	return s, nil
}

func vsockAddrOf(at unix.Sockaddr) VsockAddr {
	if vm, ok := at.(*unix.SockaddrVM); ok {
		return VsockAddr{vm.CID, vm.Port}
	}
	return VsockAddr{^uint32(0), ^uint32(0)}
}
