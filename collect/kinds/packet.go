package kinds

import (
	"fmt"

	"github.com/ipctop/ipctop/collect/kernel/sock"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// PacketRow is an AF_PACKET socket.
type PacketRow struct {
	Socket
	sock.PacketSocket
	device string // name of the interface that the socket is bound to
}

// Packet is the Mechanism of packet sockets.
func Packet() *Mechanism {
	return &Mechanism{
		Kind: schema.Packet, Family: Sockets, Title: "Packet sockets",
		Descriptor: &proc.Descriptor{Kind: schema.Packet, Sockets: func(t *proc.Tick, net uint64) []uint64 {
			list, _ := dumpOnce(t, net, t.Host.PacketSockets)
			return socketInodes(list, func(s *sock.PacketSocket) uint64 { return s.Inode })
		}},
		Help: "sockets that see the frames of an interface: sniffers, DHCP clients; " +
			"what each sees and what it lost",
		Columns:  append(packetColumns(), heldColumns()...),
		Default:  []string{"type", "proto", "device", "state", "recvq", "drops", "owner", "holders"},
		OnDemand: []string{"ns_leader"},
		Needs:    SocketNeeds, Relates: HolderNeeds,
		Collect: collectPackets,
		Relate:  relateSockets,
		Label: func(o *schema.Object) string {
			r := o.Row.(*PacketRow)
			return r.protocol() + " seen by " + r.holderName()
		},
	}
}

func packetColumns() []schema.Column {
	type row = PacketRow
	col := schema.Col[row]
	return []schema.Column{
		col("type", schema.TypeString, 6, SocketNeeds, "raw: whole frames; dgram: without the link's header",
			func(r *row) schema.Value { return schema.String(r.Type.String()) }),
		col("proto", schema.TypeString, 6, SocketNeeds, "frames that it gets: all, ip, ip6, arp, or the ethertype",
			func(r *row) schema.Value { return schema.String(r.protocol()) }),
		col("device", schema.TypeString, 10, SocketNeeds, "interface that it is bound to; blank for all",
			func(r *row) schema.Value { return WordValue(r.device) }),
		col("state", schema.TypeString, 7, SocketNeeds,
			"running: it gets frames; stopped: not, for example because its interface is gone",
			func(r *row) schema.Value {
				if r.Running {
					return schema.String("running")
				}
				return schema.String("stopped")
			}),
		col("recvq", schema.TypeInt, 6, SocketNeeds, "bytes of memory that unread frames take",
			func(r *row) schema.Value { return schema.Int(int64(r.RecvMem)) }),
		col("drops", schema.TypeInt, 6, SocketNeeds, "frames that were lost because the reader was too slow",
			func(r *row) schema.Value { return count(r.Drops, r.Diag) }),
		col("fanout", schema.TypeBool, 6, SocketNeeds, "whether it shares the frames with others of a group "+
			"(PACKET_FANOUT)",
			func(r *row) schema.Value {
				if !r.Diag {
					return schema.Uncollected(schema.TypeBool)
				}
				return schema.Bool(r.Fanout)
			}),
		col("owner", schema.TypeString, 9, SocketNeeds, "name of the user who made it",
			func(r *row) schema.Value { return r.Owner }),
		col("uid", schema.TypeInt, 6, SocketNeeds, "id of the user who made it",
			func(r *row) schema.Value { return r.uid }),
	}
}

func collectPackets(t *proc.Tick) ([]*schema.Object, error) {
	devices := map[uint64]map[uint32]string{} // by network namespace: each has its own interfaces
	return collectSockets(t, t.Host.PacketSockets, func(s *sock.PacketSocket) uint64 { return s.Inode },
		func(s *sock.PacketSocket, at *proc.Place) (*PacketRow, schema.Ref) {
			if devices[at.Ino] == nil {
				devices[at.Ino] = map[uint32]string{}
			}
			r := &PacketRow{Socket: newSocket(t, schema.Packet, at, s.Inode, 0), PacketSocket: *s,
				device: deviceName(devices[at.Ino], s.Interface)}
			r.setOwner(t, s.UID)
			return r, r.Ref
		})
}

// protocol is the ethertype's name, or its number in the form of tcpdump -e.
func (r *PacketRow) protocol() string {
	if name := sock.EtherType(r.Protocol); name != "" {
		return name
	}
	return fmt.Sprintf("0x%04x", r.Protocol)
}
