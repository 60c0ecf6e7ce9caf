package kinds

import (
	"net/netip"
	"slices"

	"github.com/ipctop/ipctop/collect/kernel/sock"
	"github.com/ipctop/ipctop/collect/schema"
)

// endpoints are the two ends of a connection. IPv4 addresses in IPv6 sockets are unmapped.
type endpoints struct {
	protocol      string
	local, remote netip.AddrPort
}

func unmapped(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }

// transport is the protocol on the wire. An end with MPTCP may talk to an end that knows only TCP.
func (r *InetRow) transport() string {
	if r.Protocol == "mptcp" {
		return "tcp"
	}
	return r.Protocol
}

func (r *InetRow) endpoints() endpoints {
	return endpoints{r.transport(), unmapped(r.Local), unmapped(r.Remote)}
}

// withoutSubflows leaves out the TCP connections of MPTCP sockets. The kernel gives a connection the inode number of
// its MPTCP socket (net/mptcp/subflow.c, mptcp_subflow_create_socket). Before the accept, neither has a number, but
// both have the same addresses. The MPTCP socket gets the facts of its first TCP connection.
func withoutSubflows(sockets []sock.InetSocket) []sock.InetSocket {
	type addresses struct{ local, remote netip.AddrPort }
	byInode, byAddress := map[uint64]*sock.InetSocket{}, map[addresses]*sock.InetSocket{}
	for i := range sockets {
		if s := &sockets[i]; s.Protocol == "mptcp" {
			byInode[s.Inode], byAddress[addresses{s.Local, s.Remote}] = s, s
		}
	}
	if len(byInode) == 0 {
		return sockets
	}
	owner := func(s *sock.InetSocket) *sock.InetSocket {
		switch {
		case s.Protocol != "tcp":
			return nil
		case s.Inode == 0:
			return byAddress[addresses{s.Local, s.Remote}]
		}
		return byInode[s.Inode]
	}
	for i := range sockets {
		if o := owner(&sockets[i]); o != nil && o.TCP == nil {
			o.TCP, o.Congestion = sockets[i].TCP, sockets[i].Congestion
		}
	}
	return slices.DeleteFunc(sockets, func(s sock.InetSocket) bool { return owner(&s) != nil })
}

// inetIndex finds sockets by their addresses, which are unmapped.
type inetIndex struct {
	connected map[endpoints]*InetRow
	bound     map[endpoints][]*InetRow // listeners and unconnected UDP sockets; no remote address
}

// joinInet finds the two ends of connections within the machine, and the listeners of waiting connections.
func joinInet(rows []*InetRow) {
	index := inetIndex{make(map[endpoints]*InetRow, len(rows)), map[endpoints][]*InetRow{}}
	for _, r := range rows {
		switch {
		case !r.hasPorts():
		case r.Connected():
			index.connected[r.endpoints()] = r
		case !r.Stream(), r.Listens():
			at := endpoints{protocol: r.transport(), local: unmapped(r.Local)}
			index.bound[at] = append(index.bound[at], r)
		}
	}
	for _, r := range rows {
		if r.hasPorts() && r.Connected() {
			index.findPeer(r)
		}
	}
	for _, r := range rows {
		switch {
		case r.unaccepted():
			index.findListener(r)
		case r.Connects():
			index.findFullListener(r)
		}
	}
}

// findPeer finds the socket with the same ends reversed. A UDP server may have one unconnected socket for all its
// clients. That this socket is the other end follows from the kernel's lookup; no file says it.
func (x *inetIndex) findPeer(r *InetRow) {
	e := r.endpoints()
	if p := x.connected[endpoints{e.protocol, e.remote, e.local}]; p != nil && p != r {
		r.Other, r.OtherProof = &p.Socket, schema.Observed
		return
	}
	if r.Stream() {
		return
	}
	if found := x.boundTo(e.protocol, e.remote, nil); len(found) == 1 {
		r.Other, r.OtherProof = &found[0].Socket, schema.Inferred
	}
}

// findListener finds the listener whose queue holds the connection. With SO_REUSEPORT several listeners may share the
// address. Then each one with a waiting connection is possible.
func (x *inetIndex) findListener(r *InetRow) {
	found := x.boundTo("tcp", unmapped(r.Local), func(l *InetRow) bool { return l.RecvQueue > 0 })
	if len(found) == 0 {
		return
	}
	r.Listener, r.listenProof = &found[0].Socket, schema.Observed
	if len(found) > 1 {
		r.listenProof = schema.Inferred
	}
	// The waiter is the client. r is the socket that the kernel made for it.
	if r.Other != nil {
		found[0].waiting = append(found[0].waiting, r.Other)
	}
}

// findFullListener finds the listener whose full queue keeps a client from connecting: the kernel drops its packets
// (tcp_conn_request, net/ipv4/tcp_input.c). An address that is no listener's own may belong to another machine.
func (x *inetIndex) findFullListener(r *InetRow) {
	to := unmapped(r.Remote)
	found := x.boundTo("tcp", to, func(l *InetRow) bool {
		return l.Full() && (to.Addr().IsLoopback() || unmapped(l.Local) == to)
	})
	if len(found) == 1 {
		r.Listener, r.listenProof = &found[0].Socket, schema.Inferred
		found[0].waiting = append(found[0].waiting, &r.Socket)
	}
}

// Connects reports whether the socket has asked for a connection and has no answer yet.
func (r *InetRow) Connects() bool { return r.Stream() && r.State == sock.SocketSynSent }

// Full reports whether the queue of a listener takes no more connections (sk_acceptq_is_full, include/net/sock.h).
func (r *InetRow) Full() bool { return r.Diag && r.Listens() && r.RecvQueue > r.SendQueue }

// boundTo lists the sockets that receive packets to the address. These are the sockets bound to it, or else those
// bound to any address (net/ipv4/inet_hashtables.c, __inet_lookup_listener). For UDP, a socket bound to any address
// counts on loopback only, since another address may not belong to this machine.
func (x *inetIndex) boundTo(protocol string, to netip.AddrPort, pass func(*InetRow) bool) []*InetRow {
	places := []netip.AddrPort{to}
	if protocol == "tcp" || to.Addr().IsLoopback() {
		if to.Addr().Is4() {
			places = append(places, netip.AddrPortFrom(netip.IPv4Unspecified(), to.Port()))
		}
		places = append(places, netip.AddrPortFrom(netip.IPv6Unspecified(), to.Port()))
	}
	for _, place := range places {
		var found []*InetRow
		for _, s := range x.bound[endpoints{protocol: protocol, local: place}] {
			if !(s.V6Only && to.Addr().Is4()) && (pass == nil || pass(s)) {
				found = append(found, s)
			}
		}
		if len(found) > 0 {
			return found
		}
	}
	return nil
}
