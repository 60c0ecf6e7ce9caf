package kernel

import "github.com/ipctop/ipctop/collect/kernel/sock"

// InetSockets lists the TCP, UDP and raw sockets of every user in this process's network namespace.
// with names the extensions to read of TCP sockets.
func (h *Host) InetSockets(with sock.Extensions) ([]sock.InetSocket, error) {
	return sock.InetSockets(h.Root, with)
}

// NetlinkSockets lists the netlink sockets of every user in the thread's network namespace.
func (h *Host) NetlinkSockets() ([]sock.NetlinkSocket, error) { return sock.NetlinkSockets(h.Root) }

// PacketSockets lists the packet sockets of every user in the thread's network namespace.
func (h *Host) PacketSockets() ([]sock.PacketSocket, error) { return sock.PacketSockets(h.Root) }

// UnixSockets lists the AF_UNIX sockets of every user in this process's network namespace.
func (h *Host) UnixSockets() ([]sock.UnixSocket, error) { return sock.UnixSockets(h.Root) }

// VsockSockets lists the vsock sockets of every user in the thread's network namespace.
func (h *Host) VsockSockets() ([]sock.VsockSocket, error) { return sock.VsockSockets(h.Root) }

// SocketProtocol is the kernel's name of the protocol of a thread's socket. See sock.Protocol.
func (h *Host) SocketProtocol(tid, fd int) (string, error) { return sock.Protocol(tid, fd) }

// VsockOf asks a vsock socket by a thread's descriptor. See sock.VsockOf.
func (h *Host) VsockOf(tid, fd int, ino uint64) (sock.VsockSocket, error) {
	return sock.VsockOf(tid, fd, ino)
}

// FindInet reads one socket of the thread's network namespace again. See sock.FindInet.
func (h *Host) FindInet(s sock.InetSocket) (sock.InetSocket, error) { return sock.FindInet(s) }
