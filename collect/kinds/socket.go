package kinds

import (
	"cmp"
	"strconv"

	"github.com/ipctop/ipctop/collect/kernel/namespace"
	"github.com/ipctop/ipctop/collect/kernel/sock"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// The words of a socket's status. The status of an ordinary socket is blank.
const (
	SocketUnaccepted = "unaccepted"  // connected, but the listener's owner has not called accept yet
	SocketFull       = "full"        // a listener whose queue takes no more connections: the next connect waits
	SocketHalfClosed = "half-closed" // one of its two directions is shut down
	SocketPeerClosed = "peer-closed" // the other end is gone
	SocketStale      = "stale"       // a path that no socket is bound to
)

// The needs of the columns of sockets.
const (
	SocketNeeds = NeedSockets
	HolderNeeds = NeedSockets | proc.NeedProcs | proc.NeedFDs
)

// Socket is the shared part of all kinds of sockets.
type Socket struct {
	Ref         schema.Ref
	inode       uint64 // 0: no process can have it open
	Uses        []proc.FDUse
	Other       *Socket // the other end, if it is on this machine
	OtherProof  schema.Proof
	Listener    *Socket // the listener that must accept the connection
	listenProof schema.Proof
	waiting     []*Socket // of a listener: connections that wait for accept
	uid, Owner  schema.Value
	place       *proc.Place  // its network namespace
	holders     schema.Value // processes that have it open
	waiters     schema.Value // processes of this machine that wait for a listener's accept
}

// newSocket makes the shared part, with the holders if they are wanted.
func newSocket(t *proc.Tick, kind schema.Kind, at *proc.Place, inode, cookie uint64) Socket {
	s := Socket{Ref: schema.Ref{Kind: kind, Space: at.Space, ID: inode}, place: at, inode: inode,
		waiters: schema.None(schema.TypeEndpoints),
		uid:     schema.Uncollected(schema.TypeInt), Owner: schema.Uncollected(schema.TypeString)}
	if inode == 0 {
		s.Ref.Name = "sk:" + strconv.FormatUint(cookie, 16)
	}
	switch {
	case !t.Needs.Has(proc.NeedProcs | proc.NeedFDs):
		s.holders = schema.Uncollected(schema.TypeEndpoints)
	case inode == 0:
		s.holders = schema.None(schema.TypeEndpoints)
	default:
		s.Uses = t.FDUses(proc.FDSocket, 0, inode)
		s.holders = t.Holders(s.Uses, nil)
		if len(s.Uses) == 0 && t.Nested {
			// A socket with an inode has a holder.
			s.holders = schema.Refused(schema.TypeEndpoints)
			t.FoundOutside()
		}
	}
	return s
}

func (s *Socket) setOwner(t *proc.Tick, uid uint32) {
	s.uid, s.Owner = schema.Int(int64(uid)), schema.String(t.Users.User(uid))
}

// setWaiters names the processes that wait for a listener's accept.
func (s *Socket) setWaiters(t *proc.Tick) {
	if !t.Needs.Has(proc.NeedProcs | proc.NeedFDs) {
		s.waiters = schema.Uncollected(schema.TypeEndpoints)
		return
	}
	var ends []schema.Endpoint
	for _, w := range s.waiting {
		for _, u := range w.Uses {
			ends = append(ends, t.UseEndpoint(u, "connect"))
		}
	}
	s.waiters = schema.Endpoints(ends, len(s.waiting) > 0 && t.Unseen("fd") > 0)
}

// socketRow is a row with a Socket as its base.
type socketRow interface{ socket() *Socket }

func (s *Socket) socket() *Socket { return s }

// socketColumn is a column that reads only the Socket of a row.
func socketColumn(id string, typ schema.Type, width int, needs schema.Need, help string,
	get func(*Socket) schema.Value) schema.Column {
	return schema.Column{ID: id, Type: typ, Width: width, Needs: needs, Help: help,
		Get: func(o *schema.Object) schema.Value { return get(o.Row.(socketRow).socket()) }}
}

// netColumns show a socket's network namespace.
func netColumns() []schema.Column {
	return []schema.Column{
		socketColumn("ns", schema.TypeInt, 10, SocketNeeds, "inode of the network namespace that it is in",
			func(s *Socket) schema.Value { return s.place.Inode() }),
		socketColumn("ns_leader", schema.TypeString, 18, SocketNeeds|proc.NeedProcs|proc.NeedNamespaces,
			proc.NsLeaderHelp,
			func(s *Socket) schema.Value { return s.place.Leader }),
	}
}

// netVisit runs collect in network namespaces.
type netVisit func(t *proc.Tick, collect func(at *proc.Place) error) error

// inNetSpaces is a netVisit to the reader's own network namespace, and to the others if they are wanted.
func inNetSpaces(t *proc.Tick, collect func(at *proc.Place) error) error {
	own := t.OwnPlace("net")
	err := collect(&own)
	if !t.AllNamespaces {
		return err
	}
	others := t.OtherNetSpaces()
	denied := 0
	for _, err := range t.Host.VisitNamespaces(proc.Entries(others),
		func(i int) error { return collect(netPlace(t, others[i].Ino)) }) {
		switch {
		case !namespace.Entered(err) && sys.Denied(err):
			denied++
		case err != nil && !sys.Gone(err):
			t.Fault("namespaces", err)
		}
	}
	deniedSpaces(t, "network", denied, len(others))
	return err
}

func netPlace(t *proc.Tick, ino uint64) *proc.Place {
	at := t.Place("net", ino)
	return &at
}

// inNetSpace is a netVisit to one network namespace.
func inNetSpace(s *proc.Space) netVisit {
	return func(t *proc.Tick, collect func(at *proc.Place) error) error {
		return t.Host.VisitNamespace(s.Namespace, func() error { return collect(netPlace(t, s.Ino)) })
	}
}

// SocketsIn lists the UNIX and the Internet sockets of another network namespace.
func SocketsIn(t *proc.Tick, s *proc.Space) (unix, inet []*schema.Object, err error) {
	unix, err = unixSockets(t, inNetSpace(s))
	if err != nil {
		return unix, nil, err
	}
	inet, err = inetIn(t, inNetSpace(s))
	return unix, inet, err
}

// PeerHolders are the holders of the other end, if it is on this machine.
func (s *Socket) PeerHolders() schema.Value {
	if s.Other == nil {
		return schema.None(schema.TypeEndpoints)
	}
	return s.Other.holders
}

// peerRef is the Ref of the other end.
func (s *Socket) peerRef() schema.Value {
	if s.Other == nil {
		return schema.None(schema.TypeRef)
	}
	return schema.RefValue(s.Other.Ref)
}

// edges adds the edges to the holders, to the peer and to the listener. A pair of peers has one edge.
func (s *Socket) edges(add func(schema.Edge)) {
	proc.HoldEdges(s.Ref, s.Uses, proc.JustHolds, add)
	if s.Other != nil && (s.Other.Other != s || schema.CompareRefs(s.Ref, s.Other.Ref) < 0) {
		add(schema.Edge{From: s.Ref, To: s.Other.Ref, Rel: schema.RelPeer, Proof: s.OtherProof})
	}
	if s.Listener != nil {
		add(schema.Edge{From: s.Ref, To: s.Listener.Ref, Rel: schema.RelWaitsOn, Via: schema.InWords("accept"),
			Proof: s.listenProof})
	}
}

// shutdownStatus is the status word for the closed directions, or "".
func shutdownStatus(s sock.Shutdown) string {
	if s == sock.ShutdownReceive || s == sock.ShutdownSend {
		return SocketHalfClosed
	}
	return ""
}

// socketEnds is the advice for every socket.
const socketEnds = "a socket goes away when its last holder closes it: end its holders with " + EndHolders

// WordValue is a cell of a word. An empty word makes a blank cell.
func WordValue(word string) schema.Value {
	if word == "" {
		return schema.None(schema.TypeString)
	}
	return schema.String(word)
}

// shutdownValue names the closed directions, with the words of shutdown(2).
func shutdownValue(s sock.Shutdown, known bool) schema.Value {
	switch {
	case !known:
		return schema.Uncollected(schema.TypeString)
	case s == sock.ShutdownReceive:
		return schema.String("rd")
	case s == sock.ShutdownSend:
		return schema.String("wr")
	case s == sock.ShutdownReceive|sock.ShutdownSend:
		return schema.String("rdwr")
	}
	return schema.None(schema.TypeString)
}

// count is a cell of a number that only sock_diag shows.
func count(n uint32, known bool) schema.Value {
	if !known {
		return schema.Uncollected(schema.TypeInt)
	}
	return schema.Int(int64(n))
}

// holderName is the command of the first holder, or "?".
func (s *Socket) holderName() string {
	if len(s.Uses) == 0 {
		return "?"
	}
	return s.Uses[0].Process.Comm
}

// relateSockets adds the edges of sockets.
func relateSockets(_ *proc.Tick, objects []*schema.Object, add func(schema.Edge)) {
	for _, o := range objects {
		o.Row.(socketRow).socket().edges(add)
	}
}

// heldColumns are the columns of a socket without another end on this machine.
func heldColumns() []schema.Column {
	return append([]schema.Column{
		socketColumn("holders", schema.TypeEndpoints, 24, HolderNeeds, "processes that have it open",
			func(s *Socket) schema.Value { return s.holders }),
		socketColumn("inode", schema.TypeInt, 9, SocketNeeds, "inode number, as in /proc/PID/fd",
			func(s *Socket) schema.Value {
				if s.inode == 0 {
					return schema.None(schema.TypeInt)
				}
				return schema.Int(int64(s.inode))
			}),
	}, netColumns()...)
}

// collectSockets lists the sockets of one family in the wanted network namespaces, by inode.
func collectSockets[S, T any](t *proc.Tick, list func() ([]S, error), inode func(*S) uint64,
	row func(*S, *proc.Place) (*T, schema.Ref)) ([]*schema.Object, error) {
	var objects []*schema.Object
	seen := map[schema.Ref]bool{}
	err := inNetSpaces(t, func(at *proc.Place) error {
		sockets, err := dumpOnce(t, at.Ino, list)
		sockets = sortedDump(sockets, func(a, b S) int { return cmp.Compare(inode(&a), inode(&b)) })
		for i := range sockets {
			r, ref := row(&sockets[i], at)
			if !seen[ref] { // while sockets come and go, a dump may list one twice
				seen[ref] = true
				objects = append(objects, &schema.Object{Ref: ref, Row: r})
			}
		}
		return err
	})
	return objects, err
}

// socketInodes lists the inode numbers of a dump.
func socketInodes[T any](list []T, inode func(*T) uint64) []uint64 {
	all := make([]uint64, len(list))
	for i := range list {
		all[i] = inode(&list[i])
	}
	return all
}
