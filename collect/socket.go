package collect

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/schema"
)

// The words of a socket's status. One with nothing unusual has none.
const (
	SocketUnaccepted = "unaccepted"  // connected, but the listener's owner has not called accept
	SocketHalfClosed = "half-closed" // one of its two directions is shut down
	SocketPeerClosed = "peer-closed" // the other end is gone
	SocketStale      = "stale"       // a path that no socket is bound to
)

// Where the columns of sockets come from.
const (
	socketNeeds = schema.NeedSockets
	holderNeeds = schema.NeedSockets | schema.NeedProcs | schema.NeedFDs
)

// socket is what UNIX and internet sockets have in common.
type socket struct {
	ref         schema.Ref
	inode       uint64 // 0: no process can have it
	uses        []FDUse
	peer        *socket // the other end, where it is on this machine
	peerProof   schema.Proof
	listener    *socket // whose accept it waits for
	listenProof schema.Proof
	waiting     []*socket // connected, waiting for this listener's accept
	uid, owner  schema.Value
	place       place        // its network namespace
	holders     schema.Value // processes that have it open
	waiters     schema.Value // processes of this machine that wait for a listener's accept
}

// newSocket finds the socket's holders, if anybody asked for them.
func (f *Facts) newSocket(kind schema.Kind, at place, inode, cookie uint64) socket {
	s := socket{ref: schema.Ref{Kind: kind, Space: at.space, ID: inode}, place: at, inode: inode, waiters: schema.None(schema.TypeEndpoints),
		uid: schema.Uncollected(schema.TypeInt), owner: schema.Uncollected(schema.TypeString)}
	if inode == 0 {
		s.ref.Name = "sk:" + strconv.FormatUint(cookie, 16)
	}
	switch {
	case !f.Needs.Has(schema.NeedProcs | schema.NeedFDs):
		s.holders = schema.Uncollected(schema.TypeEndpoints)
	case inode == 0:
		s.holders = schema.None(schema.TypeEndpoints)
	default:
		s.uses = f.FDUses(FDSocket, 0, inode)
		s.holders = f.Holders(s.uses, nil)
		if len(s.uses) == 0 && f.Nested {
			// A socket with an inode is open somewhere.
			s.holders, f.foundOutside = schema.Refused(schema.TypeEndpoints), true
		}
	}
	return s
}

func (s *socket) setOwner(f *Facts, uid uint32) {
	s.uid, s.owner = schema.Int(int64(uid)), schema.String(f.Users.User(uid))
}

// setWaiters names the processes that wait for a listener's accept.
func (s *socket) setWaiters(f *Facts) {
	if !f.Needs.Has(schema.NeedProcs | schema.NeedFDs) {
		s.waiters = schema.Uncollected(schema.TypeEndpoints)
		return
	}
	var ends []schema.Endpoint
	for _, w := range s.waiting {
		for _, u := range w.uses {
			ends = append(ends, f.Endpoint(u.Process, int(u.FD.Num), "connect"))
		}
	}
	s.waiters = schema.Endpoints(ends, len(s.waiting) > 0 && f.Unseen("fd") > 0)
}

// netColumns tell a socket's network namespace.
func netColumns[T any](of func(*T) *socket) []schema.Column {
	return []schema.Column{
		schema.Col("ns", schema.TypeInt, 10, socketNeeds, "inode of the network namespace that it is in", func(r *T) schema.Value { return of(r).place.inode() }),
		schema.Col("ns_leader", schema.TypeString, 18, socketNeeds|schema.NeedProcs|schema.NeedNamespaces, nsLeaderHelp,
			func(r *T) schema.Value { return of(r).place.leader }),
	}
}

// inNetSpaces runs collect in the reader's own network namespace, and in the others if they were asked for.
func (f *Facts) inNetSpaces(collect func(at place) error) error {
	err := collect(f.ownPlace("net"))
	if !f.AllNamespaces {
		return err
	}
	others := f.others("net")
	denied := 0
	for _, err := range f.Host.VisitNamespaces(entries(others), func(i int) error { return collect(f.place("net", others[i].Ino)) }) {
		switch {
		case !kernel.Entered(err) && kernel.Denied(err):
			denied++
		case err != nil && !kernel.Gone(err):
			f.Fault("namespaces", err)
		}
	}
	f.deniedSpaces("network", denied, len(others))
	return err
}

// peerHolders are the processes at the other end.
func (s *socket) peerHolders() schema.Value {
	if s.peer == nil {
		return schema.None(schema.TypeEndpoints)
	}
	return s.peer.holders
}

// peerRef is the socket at the other end.
func (s *socket) peerRef() schema.Value {
	if s.peer == nil {
		return schema.None(schema.TypeRef)
	}
	return schema.RefValue(s.peer.ref)
}

// edges gives who holds the socket, its peer and the listener that it waits for. A pair of peers is one edge.
func (s *socket) edges(f *Facts) []schema.Edge {
	edges := f.HoldEdges(s.ref, s.uses, func(*FD) schema.Rel { return schema.RelHolds })
	if s.peer != nil && (s.peer.peer != s || schema.CompareRefs(s.ref, s.peer.ref) < 0) {
		edges = append(edges, schema.Edge{From: s.ref, To: s.peer.ref, Rel: schema.RelPeer, Proof: s.peerProof})
	}
	if s.listener != nil {
		edges = append(edges, schema.Edge{From: s.ref, To: s.listener.ref, Rel: schema.RelWaitsOn, Via: "accept", Proof: s.listenProof})
	}
	return edges
}

// shutdownStatus is the status word that the closed directions alone justify, "" for none.
func shutdownStatus(s kernel.Shutdown) string {
	if s == kernel.ShutdownReceive || s == kernel.ShutdownSend {
		return SocketHalfClosed
	}
	return ""
}

// statusValue turns a status word into a cell.
func statusValue(word string) schema.Value {
	if word == "" {
		return schema.None(schema.TypeString)
	}
	return schema.String(word)
}

// shutdownValue names the directions that are closed as shutdown(2) does.
func shutdownValue(s kernel.Shutdown, told bool) schema.Value {
	switch {
	case !told:
		return schema.Uncollected(schema.TypeString)
	case s == kernel.ShutdownReceive:
		return schema.String("rd")
	case s == kernel.ShutdownSend:
		return schema.String("wr")
	case s == kernel.ShutdownReceive|kernel.ShutdownSend:
		return schema.String("rdwr")
	}
	return schema.None(schema.TypeString)
}

// count is a cell for a number that only sock_diag tells.
func count(n uint32, told bool) schema.Value {
	if !told {
		return schema.Uncollected(schema.TypeInt)
	}
	return schema.Int(int64(n))
}

// holderName is the first holder's command, "?" if none is known.
func (s *socket) holderName() string {
	if len(s.uses) == 0 {
		return "?"
	}
	return s.uses[0].Process.Comm
}

// socketRelate gives the edges of sockets that are rows of type T.
func socketRelate[T any](of func(*T) *socket) func(*Facts, []*schema.Object) []schema.Edge {
	return func(f *Facts, objects []*schema.Object) []schema.Edge {
		var edges []schema.Edge
		for _, o := range objects {
			edges = append(edges, of(o.Row.(*T)).edges(f)...)
		}
		return edges
	}
}

// heldColumns are those of a socket that has no other end on this machine.
func heldColumns[T any](of func(*T) *socket) []schema.Column {
	return append([]schema.Column{
		schema.Col("holders", schema.TypeEndpoints, 24, holderNeeds, "processes that have it open", func(r *T) schema.Value { return of(r).holders }),
		schema.Col("inode", schema.TypeInt, 9, socketNeeds, "inode number, as in /proc/PID/fd", func(r *T) schema.Value {
			if of(r).inode == 0 {
				return schema.None(schema.TypeInt)
			}
			return schema.Int(int64(of(r).inode))
		}),
	}, netColumns(of)...)
}

// collectSockets lists the sockets of one family in the network namespaces that were asked for, in the order of their inodes.
func collectSockets[S, T any](f *Facts, list func() ([]S, error), inode func(*S) uint64, row func(*S, place) (*T, schema.Ref)) ([]*schema.Object, error) {
	var objects []*schema.Object
	seen := map[schema.Ref]bool{}
	err := f.inNetSpaces(func(at place) error {
		sockets, err := list()
		slices.SortFunc(sockets, func(a, b S) int { return cmp.Compare(inode(&a), inode(&b)) })
		for i := range sockets {
			r, ref := row(&sockets[i], at)
			if !seen[ref] { // while sockets come and go, a dump may hold one twice
				seen[ref] = true
				objects = append(objects, &schema.Object{Ref: ref, Row: r})
			}
		}
		return err
	})
	return objects, err
}
