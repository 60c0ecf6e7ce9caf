package kinds

import (
	"cmp"
	"net"
	"net/netip"
	"strconv"
	"time"

	"github.com/ipctop/ipctop/collect/kernel/sock"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// InetRow is a socket of TCP, UDP or another Internet protocol.
type InetRow struct {
	Socket
	sock.InetSocket
	device string // name of the interface that the socket is bound to
}

// Inet is the Mechanism of the sockets of Internet protocols.
func Inet() *Mechanism {
	return &Mechanism{
		Kind: schema.Inet, Family: Sockets, Title: "Internet sockets",
		Descriptor: &proc.Descriptor{Kind: schema.Inet, Sockets: func(t *proc.Tick, net uint64) []uint64 {
			list, _ := dumpInet(t, net)
			return socketInodes(list, func(s *sock.InetSocket) uint64 { return s.Inode })
		}},
		Ends: socketEnds,
		Help: "TCP, UDP, raw and ping sockets over IPv4 and IPv6: state, queues, addresses, owners, and both ends " +
			"where both are here",
		Costs:   []schema.Cost{{Need: NeedTCPInfo | NeedCongestion, Name: "tcp info"}},
		Columns: inetColumns(),
		Default: []string{"proto", "state", "status", "recvq", "sendq", "local", "peer", "peer_ref", "holders"},
		Needs:   SocketNeeds, OnDemand: inetOnDemand(),
		Relates: HolderNeeds,
		Collect: collectInet,
		Gauges:  inetGauges,
		Relate:  relateSockets,
		Label: func(o *schema.Object) string {
			r := o.Row.(*InetRow)
			label := r.Protocol + " " + r.LocalAddress()
			if r.Connected() {
				label += " → " + r.PeerAddress()
			}
			return label
		},
	}
}

func inetColumns() []schema.Column {
	type row = InetRow
	col := schema.Col[row]
	text := func(id string, width int, help string, get func(*row) schema.Value) schema.Column {
		return col(id, schema.TypeString, width, SocketNeeds, help, get)
	}
	num := func(id string, width int, help string, get func(*row) schema.Value) schema.Column {
		return col(id, schema.TypeInt, width, SocketNeeds, help, get)
	}
	ends := func(id string, help string, get func(*row) schema.Value) schema.Column {
		return col(id, schema.TypeEndpoints, 24, HolderNeeds, help, get)
	}
	return append([]schema.Column{
		text("proto", 5, "tcp, udp, raw; mptcp (TCP over several paths), udplite, ping (ICMP echo)",
			func(r *row) schema.Value { return schema.String(r.Protocol) }),
		text("family", 6, "inet or inet6", func(r *row) schema.Value {
			if r.V6 {
				return schema.String("inet6")
			}
			return schema.String("inet")
		}),
		text("state", 10, "ss's word: LISTEN, ESTAB, CLOSE-WAIT, TIME-WAIT, UNCONN",
			func(r *row) schema.Value { return schema.String(r.State.String()) }),
		text("status", 11, "unaccepted: nobody has accepted the connection yet; full: a listener that takes no more; "+
			"half-closed: one direction is shut down",
			func(r *row) schema.Value { return r.status() }),
		num("recvq", 6, "of a listener the connections that wait for accept, else bytes to be read (of UDP, "+
			"memory that they take)",
			func(r *row) schema.Value { return schema.Int(int64(r.RecvQueue)) }),
		num("sendq", 6, "of a listener the most connections that may wait, else bytes that the other end has "+
			"not acknowledged",
			func(r *row) schema.Value { return count(r.SendQueue, r.Diag || r.State != sock.SocketListen) }),
		text("local", 22, "local address and port, of a raw socket the protocol number, of a ping socket its "+
			"identifier; %interface if bound to one; * is any address of IPv4 and IPv6",
			func(r *row) schema.Value { return schema.String(r.LocalAddress()) }),
		text("peer", 22, "remote address and port", func(r *row) schema.Value {
			if !r.Connected() {
				return schema.None(schema.TypeString)
			}
			return schema.String(r.PeerAddress())
		}),
		col("peer_ref", schema.TypeRef, 12, SocketNeeds, "socket at the other end, if it is on this machine",
			func(r *row) schema.Value { return r.peerRef() }),
		ends("holders", "processes that have it open", func(r *row) schema.Value { return r.holders }),
		ends("peer_holders", "processes that have the other end open, if it is on this machine",
			func(r *row) schema.Value { return r.PeerHolders() }),
		ends("waiters", "processes of this machine that wait for this listener's accept", func(r *row) schema.Value {
			return r.waiters
		}),
		num("sport", 5, "local port", func(r *row) schema.Value { return schema.Int(int64(r.Local.Port())) }),
		num("dport", 5, "remote port", func(r *row) schema.Value {
			if !r.Connected() {
				return schema.None(schema.TypeInt)
			}
			return schema.Int(int64(r.Remote.Port()))
		}),
		text("shutdown", 8, "directions closed: rd by the other end's FIN or shutdown(2), wr, or rdwr",
			func(r *row) schema.Value {
				// a raw or ping socket has no directions, and often no sock_diag
				return shutdownValue(r.Shutdown, r.Diag || !r.hasPorts())
			}),
		num("retrans", 7, "retransmissions or window probes without an answer so far",
			func(r *row) schema.Value { return schema.Int(int64(r.Retrans)) }),
		col("v6only", schema.TypeBool, 6, SocketNeeds, "whether an IPv6 listener or unconnected socket takes no IPv4",
			func(r *row) schema.Value { return r.onlyV6() }),
		text("owner", 9, "name of the user who made it", func(r *row) schema.Value { return r.Owner }),
		num("uid", 6, "id of the user who made it", func(r *row) schema.Value { return r.uid }),
		num("inode", 9, "inode number, as in /proc/PID/fd; none while no process has it", func(r *row) schema.Value {
			if r.Inode == 0 {
				return schema.None(schema.TypeInt)
			}
			return schema.Int(int64(r.Inode))
		}),
		text("timer", 9, "what its timer waits for: on (an acknowledgment), keepalive, timewait, persist (room at "+
			"the other end)",
			func(r *row) schema.Value { return WordValue(r.Timer.String()) }),
		col("expires", schema.TypeDuration, 7, SocketNeeds, "time until the timer fires", func(r *row) schema.Value {
			if r.Timer == sock.TimerOff {
				return schema.None(schema.TypeDuration)
			}
			return schema.Duration(time.Duration(r.TimerMS) * time.Millisecond)
		}),
	}, append(tcpColumns(), netColumns()...)...)
}

func (r *InetRow) onlyV6() schema.Value {
	switch {
	case !r.V6 || r.State != sock.SocketListen && r.State != sock.SocketClosed:
		return schema.None(schema.TypeBool)
	case !r.Diag:
		return schema.Uncollected(schema.TypeBool)
	}
	return schema.Bool(r.V6Only)
}

// Stream reports whether the socket is a TCP or MPTCP socket: with connections and listeners.
func (r *InetRow) Stream() bool { return r.transport() == "tcp" }

// Listens reports whether the socket is a TCP listener.
func (r *InetRow) Listens() bool { return r.Stream() && r.State == sock.SocketListen }

// hasPorts reports whether the protocol has ports, by which the two ends of a connection find each other.
func (r *InetRow) hasPorts() bool { return r.Protocol != "raw" && r.Protocol != "ping" }

// Connected reports whether the socket has a remote address.
func (r *InetRow) Connected() bool { return r.Remote.Port() != 0 || !r.Remote.Addr().IsUnspecified() }

// LocalAddress is the local address in the form of ss: "127.0.0.53%lo:53", "[::1%lo]:53", "*:80".
func (r *InetRow) LocalAddress() string { return r.address(r.Local, r.device) }

// PeerAddress is the remote address in the form of ss.
func (r *InetRow) PeerAddress() string { return r.address(r.Remote, "") }

// address writes an address like ss. The address "any" of an IPv6 socket that takes IPv4, too, is "*".
func (r *InetRow) address(a netip.AddrPort, device string) string {
	if device != "" {
		device = "%" + device
	}
	if r.V6 && a.Addr().IsUnspecified() && !r.V6Only {
		return "*" + device + ":" + strconv.Itoa(int(a.Port()))
	}
	return net.JoinHostPort(a.Addr().String()+device, strconv.Itoa(int(a.Port())))
}

// status adds a word to a state that ss's word alone does not explain.
func (r *InetRow) status() schema.Value {
	switch {
	case r.Listener != nil, r.unaccepted(), r.Other != nil && r.Other.Listener != nil:
		return schema.String(SocketUnaccepted)
	case r.State == sock.SocketCloseWait, r.State == sock.SocketFinWait2 && r.Inode != 0:
		// One end is closed, the other is not. A socket without an inode has no process at this end.
		return schema.String(SocketHalfClosed)
	case r.Full():
		return schema.String(SocketFull)
	case r.Listens(), r.Inode == 0:
		return schema.None(schema.TypeString)
	}
	return WordValue(shutdownStatus(r.Shutdown))
}

// unaccepted reports whether the kernel made the socket for a connection that waits for accept. Other sockets without
// an inode were closed by their process, and are in other states.
func (r *InetRow) unaccepted() bool {
	return r.Stream() && r.Inode == 0 && (r.State == sock.SocketEstablished || r.State == sock.SocketCloseWait)
}

func collectInet(t *proc.Tick) ([]*schema.Object, error) { return inetIn(t, inNetSpaces) }

func inetIn(t *proc.Tick, visit netVisit) ([]*schema.Object, error) {
	var objects []*schema.Object
	err := visit(t, func(at *proc.Place) error {
		more, err := inetSockets(t, at)
		objects = append(objects, more...)
		return err
	})
	return objects, err
}

// inetSockets lists the sockets of the thread's network namespace. An address is only valid within one network
// namespace.
func inetSockets(t *proc.Tick, at *proc.Place) ([]*schema.Object, error) {
	sockets, err := dumpInet(t, at.Ino)
	sockets = withoutSubflows(sortedDump(sockets, compareInet))
	objects := make([]*schema.Object, 0, len(sockets))
	seen := make(map[schema.Ref]bool, len(sockets))
	devices := map[uint32]string{}
	rows := make([]*InetRow, 0, len(sockets))
	for _, s := range sockets {
		r := &InetRow{InetSocket: s, Socket: newSocket(t, schema.Inet, at, s.Inode, s.Cookie),
			device: deviceName(devices, s.Interface)}
		if s.Inode == 0 && s.Cookie == 0 {
			r.Ref.Name = "sk:" + s.Protocol + "/" + s.Local.String() + "/" + s.Remote.String()
		}
		// While sockets come and go, a dump may list one twice.
		if seen[r.Ref] {
			continue
		}
		seen[r.Ref] = true
		if s.Inode != 0 {
			r.setOwner(t, s.UID)
		} else {
			r.uid, r.Owner = schema.None(schema.TypeInt), schema.None(schema.TypeString)
		}
		rows = append(rows, r)
		objects = append(objects, &schema.Object{Ref: r.Ref, Row: r})
	}
	joinInet(rows)
	for _, r := range rows {
		r.dropUnasked(t)
		if r.Listens() {
			r.setWaiters(t)
		}
	}
	return objects, err
}

// compareInet keeps rows in a stable order: listeners, TCP, UDP, the rest, each by address. The order of the kernel's
// hash tables changes.
func compareInet(a, b sock.InetSocket) int {
	rank := func(s *sock.InetSocket) int {
		switch {
		case s.State == sock.SocketListen:
			return 0
		case s.Protocol == "tcp" || s.Protocol == "mptcp":
			return 1
		case s.Protocol == "udp":
			return 2
		}
		return 3
	}
	return cmp.Or(cmp.Compare(rank(&a), rank(&b)), a.Local.Compare(b.Local), a.Remote.Compare(b.Remote),
		cmp.Compare(a.Inode, b.Inode))
}

// deviceName is the name of a network interface by its index. It is "" for index 0, and digits for an interface that
// does not exist.
func deviceName(known map[uint32]string, index uint32) string {
	if index == 0 {
		return ""
	}
	name, ok := known[index]
	if !ok {
		name = strconv.FormatUint(uint64(index), 10)
		if i, err := net.InterfaceByIndex(int(index)); err == nil {
			name = i.Name
		}
		known[index] = name
	}
	return name
}
