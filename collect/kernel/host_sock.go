package kernel

import "github.com/ipctop/ipctop/collect/kernel/sock"

// InetSockets lists the TCP, UDP and raw sockets of this process's network namespace, of every user.
// with adds what sock_diag tells of TCP sockets when it is asked.
func (h *Host) InetSockets(with sock.Extensions) ([]sock.InetSocket, error) {
	return sock.InetSockets(h.Root, with)
}

// NetlinkSockets lists the netlink sockets of the thread's network namespace, of every user.
func (h *Host) NetlinkSockets() ([]sock.NetlinkSocket, error) { return sock.NetlinkSockets(h.Root) }

// PacketSockets lists the packet sockets of the thread's network namespace, of every user.
func (h *Host) PacketSockets() ([]sock.PacketSocket, error) { return sock.PacketSockets(h.Root) }

// UnixSockets lists the AF_UNIX sockets of this process's network namespace, of every user.
func (h *Host) UnixSockets() ([]sock.UnixSocket, error) { return sock.UnixSockets(h.Root) }

// VsockSockets lists the vsock sockets of the thread's network namespace, of every user.
func (h *Host) VsockSockets() ([]sock.VsockSocket, error) { return sock.VsockSockets(h.Root) }
