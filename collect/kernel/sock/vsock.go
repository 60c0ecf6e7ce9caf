package sock

import (
	"encoding/binary"
	"errors"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// VsockSocket is an AF_VSOCK socket (man 7 vsock), between a virtual machine and its host.
type VsockSocket struct {
	Type     SocketType
	State    SocketState
	Shutdown Shutdown
	Inode    uint64 // 0: no process has it
	Cookie   uint64
	Local    VsockAddr
	Remote   VsockAddr
}

// VsockAddr is a context id and a port; ^0 is "any".
type VsockAddr struct{ CID, Port uint32 }

// Any is true if context and port are both "any".
func (a VsockAddr) Any() bool { return a.CID == ^uint32(0) && a.Port == ^uint32(0) }

const vsockDiagMsgSize = 32 // struct vsock_diag_msg, include/uapi/linux/vm_sockets_diag.h

// VsockSockets lists the vsock sockets of every user in the thread's network namespace. No file of /proc has them. On
// a kernel without them and on a file tree the list is empty, without an error. ErrNoVsockDiag: the kernel may have
// such sockets, but does not list them.
func VsockSockets(root sys.Root) ([]VsockSocket, error) {
	if !root.Live() {
		return nil, nil
	}
	request := make([]byte, 24) // struct vsock_diag_req
	request[0] = unix.AF_VSOCK
	binary.NativeEndian.PutUint32(request[4:], ^uint32(0))
	binary.NativeEndian.PutUint64(request[16:], ^uint64(0))
	rows, err := diagDump(request, parseVsockDiag)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EINVAL) {
		// The number beside the name is always 0: the protocol does not count (vsock_proto, net/vmw_vsock/af_vsock.c).
		if _, has := protocolCounts(root)[VsockProtocol]; has {
			return nil, ErrNoVsockDiag
		}
		return nil, nil
	}
	return rows, err
}

// parseVsockDiag reads struct vsock_diag_msg. ok is false for a shorter payload.
func parseVsockDiag(b []byte) (VsockSocket, bool) {
	if len(b) < vsockDiagMsgSize {
		return VsockSocket{}, false
	}
	at := func(i int) uint32 { return binary.NativeEndian.Uint32(b[i:]) }
	return VsockSocket{
		Type: SocketType(b[1]), State: SocketState(b[2]), Shutdown: Shutdown(b[3]),
		Local: VsockAddr{at(4), at(8)}, Remote: VsockAddr{at(12), at(16)},
		Inode: uint64(at(20)), Cookie: diagCookie(b[24:]),
	}, true
}
