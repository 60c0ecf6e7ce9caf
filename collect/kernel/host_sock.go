package kernel

import "github.com/ipctop/ipctop/collect/kernel/sock"

// InetSockets lists the TCP, UDP and raw sockets of this process's network namespace, of every user.
func (h *Host) InetSockets() ([]sock.InetSocket, error) { return sock.InetSockets(h.Root) }

// NetlinkSockets lists the netlink sockets of the thread's network namespace, of every user.
func (h *Host) NetlinkSockets() ([]sock.NetlinkSocket, error) { return sock.NetlinkSockets(h.Root) }

// PacketSockets lists the packet sockets of the thread's network namespace, of every user.
func (h *Host) PacketSockets() ([]sock.PacketSocket, error) { return sock.PacketSockets(h.Root) }

// UnixSockets lists the AF_UNIX sockets of this process's network namespace, of every user.
func (h *Host) UnixSockets() ([]sock.UnixSocket, error) { return sock.UnixSockets(h.Root) }

// VsockSockets lists the vsock sockets of the thread's network namespace, of every user.
func (h *Host) VsockSockets() ([]sock.VsockSocket, error) { return sock.VsockSockets(h.Root) }

// TCPInfos asks about the TCP sockets of the thread's network namespace, and gives the answers by cookie.
func (h *Host) TCPInfos() (map[uint64]sock.TCPInfo, error) { return sock.TCPInfos(h.Root) }
