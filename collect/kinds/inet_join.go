package kinds

import (
	"net/netip"

	"github.com/ipctop/ipctop/collect/schema"
)

// endpoints are a connection's two ends, without regard to whether an IPv6 socket carries IPv4.
type endpoints struct {
	protocol      string
	local, remote netip.AddrPort
}

func unmapped(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }

func (r *InetRow) endpoints() endpoints {
	return endpoints{r.Protocol, unmapped(r.Local), unmapped(r.Remote)}
}

// inetIndex finds sockets by their addresses. Its keys are unmapped.
type inetIndex struct {
	connected map[endpoints]*InetRow
	bound     map[endpoints][]*InetRow // listeners and unconnected UDP sockets; no remote address
}

// joinInet finds the two ends of connections within the machine, and which listener a connection waits at.
func joinInet(rows []*InetRow) {
	index := inetIndex{make(map[endpoints]*InetRow, len(rows)), map[endpoints][]*InetRow{}}
	for _, r := range rows {
		switch {
		case r.Protocol == "raw":
		case r.connected():
			index.connected[r.endpoints()] = r
		case r.Protocol == "udp", r.Listens():
			at := endpoints{protocol: r.Protocol, local: unmapped(r.Local)}
			index.bound[at] = append(index.bound[at], r)
		}
	}
	for _, r := range rows {
		if r.Protocol != "raw" && r.connected() {
			index.findPeer(r)
		}
	}
	for _, r := range rows {
		if r.unaccepted() {
			index.findListener(r)
		}
	}
}

// findPeer looks for the connection with the same ends reversed. A UDP server has one unconnected socket for all its
// clients instead: that it is the other end follows from how the kernel looks sockets up, and nothing says so directly.
func (x *inetIndex) findPeer(r *InetRow) {
	e := r.endpoints()
	if p := x.connected[endpoints{e.protocol, e.remote, e.local}]; p != nil && p != r {
		r.Other, r.OtherProof = &p.Socket, schema.Observed
		return
	}
	if r.Protocol != "udp" {
		return
	}
	if found := x.boundTo("udp", e.remote, nil); len(found) == 1 {
		r.Other, r.OtherProof = &found[0].Socket, schema.Inferred
	}
}

// findListener looks for the listener in whose queue the connection stands. With SO_REUSEPORT several may share the
// address; then any that has somebody waiting may be the one.
func (x *inetIndex) findListener(r *InetRow) {
	found := x.boundTo("tcp", unmapped(r.Local), func(l *InetRow) bool { return l.RecvQueue > 0 })
	if len(found) == 0 {
		return
	}
	r.Listener, r.listenProof = &found[0].Socket, schema.Observed
	if len(found) > 1 {
		r.listenProof = schema.Inferred
	}
	// The one who waits is the client; r is the kernel's socket that stands for it.
	if r.Other != nil {
		found[0].waiting = append(found[0].waiting, r.Other)
	}
}

// boundTo gives the sockets that get what is sent to the address: those bound to it, or else those bound to any
// address (net/ipv4/inet_hashtables.c, __inet_lookup_listener). For UDP, any address counts on loopback only: other
// addresses may not be this machine's.
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
