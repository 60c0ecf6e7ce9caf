package kinds

import (
	"strconv"

	"github.com/ipctop/ipctop/collect/kernel/sock"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// VsockRow is an AF_VSOCK socket.
type VsockRow struct {
	Socket
	sock.VsockSocket
	unseen bool // the socket itself could not be asked: only its holder is known
}

// Vsock is the Mechanism of VM sockets.
func Vsock() *Mechanism {
	return &Mechanism{
		Kind: schema.Vsock, Family: Sockets, Title: "VM sockets",
		Descriptor: &proc.Descriptor{Kind: schema.Vsock, Sockets: func(t *proc.Tick, net uint64) []uint64 {
			list, _ := dumpOnce(t, net, vsockDump(t))
			return socketInodes(list, func(s *sock.VsockSocket) uint64 { return s.Inode })
		}},
		Help: "sockets between a virtual machine and its host; without the kernel's vsock_diag, those that a " +
			"process has open",
		Columns: append(vsockColumns(), heldColumns()...),
		Default: []string{"type", "state", "local", "peer", "holders"}, OnDemand: []string{"ns_leader"},
		Needs: HolderNeeds, Relates: HolderNeeds,
		Collect: collectVsocks,
		Relate:  relateSockets,
		Label: func(o *schema.Object) string {
			r := o.Row.(*VsockRow)
			return vsockAddr(r.Local) + " of " + r.holderName()
		},
	}
}

func vsockColumns() []schema.Column {
	type row = VsockRow
	col := schema.Col[row]
	text := func(id string, width int, help string, get func(*row) schema.Value) schema.Column {
		return col(id, schema.TypeString, width, SocketNeeds, help, func(r *row) schema.Value {
			if r.unseen {
				return schema.Refused(schema.TypeString)
			}
			return get(r)
		})
	}
	return []schema.Column{
		text("type", 9, "stream, dgram or seqpacket",
			func(r *row) schema.Value { return schema.String(r.Type.String()) }),
		text("state", 10, "ss's word: LISTEN, ESTAB, UNCONN",
			func(r *row) schema.Value { return schema.String(r.State.String()) }),
		text("local", 16, "local context and port: 2 is the host, 1 this machine, * any",
			func(r *row) schema.Value { return schema.String(vsockAddr(r.Local)) }),
		text("peer", 16, "remote context and port", func(r *row) schema.Value {
			if r.Remote.Any() {
				return schema.None(schema.TypeString)
			}
			return schema.String(vsockAddr(r.Remote))
		}),
		text("shutdown", 8, "directions closed by shutdown(2): rd, wr or rdwr",
			func(r *row) schema.Value { return shutdownValue(r.Shutdown, true) }),
	}
}

func collectVsocks(t *proc.Tick) ([]*schema.Object, error) {
	return listVsocks(t, vsockDump(t))
}

// listVsocks makes the objects of the sockets that list returns. It joins the two ends of each connection.
func listVsocks(t *proc.Tick, list func() ([]sock.VsockSocket, error)) ([]*schema.Object, error) {
	var rows []*VsockRow
	objects, err := collectSockets(t, list, func(s *sock.VsockSocket) uint64 { return s.Inode },
		func(s *sock.VsockSocket, at *proc.Place) (*VsockRow, schema.Ref) {
			r := &VsockRow{Socket: newSocket(t, schema.Vsock, at, s.Inode, s.Cookie), VsockSocket: *s}
			rows = append(rows, r)
			return r, r.Ref
		})
	for _, r := range unlistedVsocks(t) {
		rows = append(rows, r)
		objects = append(objects, &schema.Object{Ref: r.Ref, Row: r})
	}
	// Both ends of a connection through VMADDR_CID_LOCAL are on this machine.
	type ends struct{ local, remote sock.VsockAddr }
	byEnds := map[ends]*VsockRow{}
	for _, r := range rows {
		byEnds[ends{r.Local, r.Remote}] = r
	}
	for _, r := range rows {
		if p := byEnds[ends{r.Remote, r.Local}]; p != nil && p != r && r.State == sock.SocketEstablished {
			r.Other, r.OtherProof = &p.Socket, schema.Observed
		}
	}
	return objects, err
}

// vsockAddr writes "CID:PORT" in the form of ss.
func vsockAddr(a sock.VsockAddr) string {
	number := func(n uint32) string {
		if n == ^uint32(0) {
			return "*"
		}
		return strconv.FormatUint(uint64(n), 10)
	}
	return number(a.CID) + ":" + number(a.Port)
}
