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

// FindInet reads one socket of the thread's network namespace again. See sock.FindInet.
func (h *Host) FindInet(s sock.InetSocket) (sock.InetSocket, error) { return sock.FindInet(s) }
