package kernel

import "github.com/ipctop/ipctop/collect/kernel/sock"

// InetSockets lists the TCP, UDP and raw sockets of every user in this process's network namespace.
func (h *Host) InetSockets() ([]sock.InetSocket, error) { return sock.InetSockets(h.Root) }

// NetlinkSockets lists the netlink sockets of every user in the thread's network namespace.
func (h *Host) NetlinkSockets() ([]sock.NetlinkSocket, error) { return sock.NetlinkSockets(h.Root) }

// PacketSockets lists the packet sockets of every user in the thread's network namespace.
func (h *Host) PacketSockets() ([]sock.PacketSocket, error) { return sock.PacketSockets(h.Root) }

// UnixSockets lists the AF_UNIX sockets of every user in this process's network namespace.
func (h *Host) UnixSockets() ([]sock.UnixSocket, error) { return sock.UnixSockets(h.Root) }

// VsockSockets lists the vsock sockets of every user in the thread's network namespace.
func (h *Host) VsockSockets() ([]sock.VsockSocket, error) { return sock.VsockSockets(h.Root) }

// TCPInfos reads the TCP sockets of the thread's network namespace. The result has their answers by socket cookie.
func (h *Host) TCPInfos() (map[uint64]sock.TCPInfo, error) { return sock.TCPInfos(h.Root) }
