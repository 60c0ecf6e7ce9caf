package collect

import (
	"cmp"
	"slices"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/schema"
)

// unixRow is an AF_UNIX socket.
type unixRow struct {
	socket
	kernel.UnixSocket
	peerName schema.Value
	inFlight schema.Value
	file     *kernel.PosixFile // a path that no socket is bound to; nil for sockets
}

func unixMechanism() *Mechanism {
	return &Mechanism{
		Kind: schema.Unix, Family: Sockets, Title: "UNIX sockets",
		Help:    "stream, datagram and seqpacket sockets within the machine: who talks to whom, who listens, who waits for accept",
		Columns: unixColumns(),
		Default: []string{"type", "state", "status", "recvq", "sendq", "path", "peer", "peer_path", "holders"},
		Needs:   socketNeeds, OnDemand: []string{"inflight", "ns_leader"},
		Relates: holderNeeds,
		Collect: collectUnix,
		Relate: func(f *Facts, objects []*schema.Object) []schema.Edge {
			var edges []schema.Edge
			for _, o := range objects {
				edges = append(edges, o.Row.(*unixRow).edges(f)...)
			}
			return edges
		},
		Label: unixLabel,
	}
}

func unixColumns() []schema.Column {
	type row = unixRow
	col := schema.Col[row]
	text := func(id string, width int, help string, get func(*row) schema.Value) schema.Column {
		return col(id, schema.TypeString, width, socketNeeds, help, get)
	}
	ends := func(id string, help string, get func(*row) schema.Value) schema.Column {
		return col(id, schema.TypeEndpoints, 24, holderNeeds, help, get)
	}
	return ofSockets(append([]schema.Column{
		text("type", 9, "stream, dgram or seqpacket", func(r *row) schema.Value { return schema.String(r.Type.String()) }),
		text("state", 6, "ss's word: LISTEN, ESTAB, UNCONN", func(r *row) schema.Value { return schema.String(r.State.String()) }),
		text("status", 11, "unaccepted: waits for the listener's accept; half-closed: one direction is shut down; peer-closed: the other end is gone; stale: a path that no socket is bound to",
			func(r *row) schema.Value { return r.status() }),
		col("recvq", schema.TypeInt, 6, socketNeeds, "of a listener the clients that wait for accept, else bytes to be read (of a datagram socket, in the first datagram)",
			func(r *row) schema.Value { return count(r.RecvQueue, r.Diag) }),
		col("sendq", schema.TypeInt, 6, socketNeeds, "of a listener the most clients that may wait, else bytes of memory that sent and unread data takes",
			func(r *row) schema.Value { return count(r.SendQueue, r.Diag) }),
		text("path", 30, "path it is bound to; @name if abstract", func(r *row) schema.Value { return unixName(&r.UnixSocket) }),
		col("peer", schema.TypeRef, 12, socketNeeds, "socket at the other end", func(r *row) schema.Value {
			if !r.Diag {
				return schema.Uncollected(schema.TypeRef)
			}
			return r.peerRef()
		}),
		text("peer_path", 30, "path that the other end, or the listener it waits for, is bound to", func(r *row) schema.Value { return r.peerName }),
		ends("holders", "processes that have it open", func(r *row) schema.Value { return r.holders }),
		ends("peer_holders", "processes that have the other end open", func(r *row) schema.Value {
			if !r.Diag {
				return schema.Uncollected(schema.TypeEndpoints)
			}
			return r.peerHolders()
		}),
		ends("waiters", "processes that wait for this listener's accept", func(r *row) schema.Value {
			if !r.Diag {
				return schema.Uncollected(schema.TypeEndpoints)
			}
			return r.waiters
		}),
		text("shutdown", 8, "directions closed by shutdown(2): rd, wr or rdwr", func(r *row) schema.Value { return shutdownValue(r.Shutdown, r.Diag) }),
		text("owner", 9, "name of the user who made it", func(r *row) schema.Value { return r.owner }),
		col("uid", schema.TypeInt, 6, socketNeeds, "id of the user who made it", func(r *row) schema.Value { return r.uid }),
		col("inode", schema.TypeInt, 9, socketNeeds, "inode number, as in /proc/PID/fd", func(r *row) schema.Value { return schema.Int(int64(r.Inode)) }),
		col("inflight", schema.TypeInt, 8, holderNeeds|schema.NeedInFlight, "descriptors that were sent to it (SCM_RIGHTS) and not received yet: who sent them may have closed them",
			func(r *row) schema.Value { return r.inFlight }),
	}, netColumns(func(r *row) *socket { return &r.socket })...))
}

// ofSockets leaves blank what a path without a socket does not have.
func ofSockets(columns []schema.Column) []schema.Column {
	for i := range columns {
		get, typ := columns[i].Get, columns[i].Type
		if slices.Contains([]string{"status", "path", "owner", "uid"}, columns[i].ID) {
			continue
		}
		columns[i].Get = func(o *schema.Object) schema.Value {
			if o.Row.(*unixRow).file != nil {
				return schema.None(typ)
			}
			return get(o)
		}
	}
	return columns
}

func collectUnix(f *Facts) ([]*schema.Object, error) {
	var objects []*schema.Object
	rows := map[uint64]*unixRow{}
	// Inode numbers are unique on the machine, and a path leads to a socket of any network namespace: the ends of a connection may be in two.
	err := f.inNetSpaces(func(at place) error {
		sockets, err := f.Host.UnixSockets()
		// The kernel's order is that of a hash table: rows should keep their places.
		slices.SortFunc(sockets, func(a, b kernel.UnixSocket) int { return cmp.Compare(a.Inode, b.Inode) })
		objects = slices.Grow(objects, len(sockets))
		for _, s := range sockets {
			// While sockets come and go, a dump may hold one twice.
			if rows[s.Inode] != nil {
				continue
			}
			r := &unixRow{UnixSocket: s, socket: f.newSocket(schema.Unix, at, s.Inode, s.Cookie)}
			if s.HasUID {
				r.setOwner(f, s.UID)
			}
			rows[s.Inode] = r
			objects = append(objects, &schema.Object{Ref: r.ref, Row: r})
		}
		return err
	})
	for _, r := range rows {
		r.join(rows)
		f.setInFlight(r)
	}
	for _, r := range rows {
		r.peerName = r.otherName(rows)
		if r.State == kernel.SocketListen {
			r.setWaiters(f)
		}
	}
	return objects, err
}

// unboundPath is a path that no socket is bound to, by its file.
func (f *Facts) unboundPath(file *kernel.PosixFile) *schema.Object {
	r := &unixRow{UnixSocket: kernel.UnixSocket{Naming: kernel.UnixPath, Name: file.Name, UID: file.UID, HasUID: true}, file: file}
	r.ref = schema.Ref{Kind: schema.Unix, Name: file.Name, Gen: file.Ino}
	r.setOwner(f, file.UID)
	return &schema.Object{Ref: r.ref, Row: r}
}

// setInFlight counts the descriptors that wait in the socket, by the fdinfo of any holder that may be read.
func (f *Facts) setInFlight(r *unixRow) {
	r.inFlight = schema.Uncollected(schema.TypeInt)
	if !f.gathered(r.ref, holderNeeds) || !f.WantsFor(r.ref, schema.NeedInFlight) {
		return
	}
	r.inFlight = schema.None(schema.TypeInt)
	for _, u := range r.uses {
		n, ok, err := f.inFlight(u)
		switch {
		case kernel.Denied(err):
			r.inFlight = schema.Refused(schema.TypeInt)
		case err == nil && ok:
			r.inFlight = schema.Int(int64(n))
			return
		}
	}
}

func (f *Facts) inFlight(u FDUse) (n int, ok bool, err error) {
	text, err := f.descriptorText(u)
	if err != nil {
		return 0, false, err
	}
	n, ok = kernel.ParseInFlight(text)
	return n, ok, nil
}

// join connects the socket with its peer and with the clients that wait for its accept.
func (r *unixRow) join(rows map[uint64]*unixRow) {
	if p := rows[r.Peer]; p != nil {
		r.peer, r.peerProof = &p.socket, schema.Observed
	}
	for _, inode := range r.Pending {
		if c := rows[inode]; c != nil {
			c.listener, c.listenProof = &r.socket, schema.Observed
			r.waiting = append(r.waiting, &c.socket)
		}
	}
}

// status explains a state that ss's word alone leaves open.
func (r *unixRow) status() schema.Value {
	switch {
	case r.file != nil:
		return schema.String(SocketStale)
	case !r.Diag:
		return schema.Uncollected(schema.TypeString)
	case r.listener != nil:
		return schema.String(SocketUnaccepted)
	case r.Type != kernel.SocketDgram && r.State == kernel.SocketEstablished && r.Peer == 0 && r.Shutdown == kernel.ShutdownReceive|kernel.ShutdownSend:
		// Closing one end shuts both directions of the other down (net/unix/af_unix.c, unix_release_sock).
		return schema.String(SocketPeerClosed)
	}
	return statusValue(shutdownStatus(r.Shutdown))
}

// unixName shows an abstract name with the '@' that ss, lsfd and /proc/net/unix put before it.
func unixName(s *kernel.UnixSocket) schema.Value {
	switch s.Naming {
	case kernel.UnixAbstract:
		return schema.String("@" + s.Name)
	case kernel.UnixPath:
		return schema.String(s.Name)
	}
	return schema.None(schema.TypeString)
}

// otherName is the name at the other side: most clients have none, their server has.
func (r *unixRow) otherName(rows map[uint64]*unixRow) schema.Value {
	other := r.peer
	if other == nil {
		other = r.listener
	}
	switch {
	case !r.Diag:
		return schema.Uncollected(schema.TypeString)
	case other == nil:
		return schema.None(schema.TypeString)
	}
	return unixName(&rows[other.inode].UnixSocket)
}

// unixLabel is the socket's name, or the name it talks to, or who talks with whom.
func unixLabel(o *schema.Object) string {
	r := o.Row.(*unixRow)
	switch name := unixName(&r.UnixSocket); {
	case name.IsKnown():
		return name.Str()
	case r.peerName.IsKnown():
		return r.holderName() + " → " + r.peerName.Str()
	case r.peer != nil:
		return r.holderName() + " ↔ " + r.peer.holderName()
	}
	return r.holderName()
}
