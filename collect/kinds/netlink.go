package kinds

import (
	"strconv"

	"github.com/ipctop/ipctop/collect/kernel/sock"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// NetlinkRow is an AF_NETLINK socket.
type NetlinkRow struct {
	Socket
	sock.NetlinkSocket
}

// Netlink is the Mechanism of netlink sockets.
func Netlink() *Mechanism {
	return &Mechanism{
		Kind: schema.Netlink, Family: Sockets, Title: "Netlink sockets",
		Descriptor: &proc.Descriptor{Kind: schema.Netlink, Sockets: func(t *proc.Tick, net uint64) []uint64 {
			list, _ := dumpOnce(t, net, t.Host.NetlinkSockets)
			return socketInodes(list, func(s *sock.NetlinkSocket) uint64 { return s.Inode })
		}},
		Help: "sockets that processes talk to the kernel with: routing, audit, device events; " +
			"which groups each listens to, and what it lost",
		Columns: append(netlinkColumns(), heldColumns()...),
		Default: []string{"proto", "port", "groups", "recvq", "drops", "holders"}, OnDemand: []string{"ns_leader"},
		Needs: SocketNeeds, Relates: HolderNeeds,
		Collect: func(t *proc.Tick) ([]*schema.Object, error) {
			return collectSockets(t, t.Host.NetlinkSockets, func(s *sock.NetlinkSocket) uint64 { return s.Inode },
				func(s *sock.NetlinkSocket, at *proc.Place) (*NetlinkRow, schema.Ref) {
					r := &NetlinkRow{Socket: newSocket(t, schema.Netlink, at, s.Inode, 0), NetlinkSocket: *s}
					return r, r.Ref
				})
		},
		Relate: relateSockets,
		Label: func(o *schema.Object) string {
			r := o.Row.(*NetlinkRow)
			return r.protocol() + " of " + r.holderName()
		},
	}
}

func netlinkColumns() []schema.Column {
	type row = NetlinkRow
	col := schema.Col[row]
	diag := func(id string, width int, help string, get func(*row) uint32) schema.Column {
		return col(id, schema.TypeInt, width, SocketNeeds, help,
			func(r *row) schema.Value { return count(get(r), r.Diag) })
	}
	return []schema.Column{
		col("proto", schema.TypeString, 14, SocketNeeds, "netlink protocol: route, audit, kobject_uevent, "+
			"netfilter, generic",
			func(r *row) schema.Value { return schema.String(r.protocol()) }),
		col("type", schema.TypeString, 9, SocketNeeds, "raw or dgram, which netlink treats alike",
			func(r *row) schema.Value {
				if !r.Diag {
					return schema.Uncollected(schema.TypeString)
				}
				return schema.String(r.Type.String())
			}),
		col("port", schema.TypeInt, 10, SocketNeeds, "its address, most often the pid of the process that made it",
			func(r *row) schema.Value { return schema.Int(int64(r.PortID)) }),
		diag("peer_port", 9, "port that it is connected to; 0 is the kernel", func(r *row) uint32 { return r.DstPort }),
		col("groups", schema.TypeList, 12, SocketNeeds,
			"multicast groups that it listens to; without sock_diag the first 32 at most", func(r *row) schema.Value {
				list := make([]string, len(r.Groups))
				for i, g := range r.Groups {
					list[i] = strconv.FormatUint(uint64(g), 10)
				}
				return schema.List(list)
			}),
		col("recvq", schema.TypeInt, 6, SocketNeeds, "bytes of memory that unread messages take",
			func(r *row) schema.Value { return schema.Int(int64(r.RecvMem)) }),
		diag("rcvbuf", 7, "most bytes of memory that unread messages may take",
			func(r *row) uint32 { return r.RecvMax }),
		col("sendq", schema.TypeInt, 6, SocketNeeds, "bytes of memory that unsent messages take",
			func(r *row) schema.Value { return schema.Int(int64(r.SendMem)) }),
		col("drops", schema.TypeInt, 6, SocketNeeds, "messages that were lost because the reader was too slow",
			func(r *row) schema.Value { return schema.Int(int64(r.Drops)) }),
	}
}

// protocol is the protocol's name, or its number.
func (r *NetlinkRow) protocol() string {
	if name := sock.NetlinkProtocol(r.Protocol); name != "" {
		return name
	}
	return strconv.Itoa(int(r.Protocol))
}
