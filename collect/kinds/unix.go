package kinds

import (
	"cmp"
	"slices"

	"github.com/ipctop/ipctop/collect/kernel/fdinfo"
	"github.com/ipctop/ipctop/collect/kernel/sock"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/vfs"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// UnixRow is an AF_UNIX socket.
type UnixRow struct {
	Socket
	*sock.UnixSocket // in a dump that nobody changes
	peerName         schema.Value
	inFlight         schema.Value
	File             *vfs.PosixFile // of a path that no socket is bound to; nil for sockets
}

// Unix is the Mechanism of UNIX sockets.
func Unix() *Mechanism {
	return &Mechanism{
		Kind: schema.Unix, Family: Sockets, Title: "UNIX sockets",
		Descriptor: &proc.Descriptor{Kind: schema.Unix, Sockets: func(t *proc.Tick, net uint64) []uint64 {
			list, _ := DumpUnix(t, net)
			return socketInodes(list, func(s *sock.UnixSocket) uint64 { return s.Inode })
		}, Hidden: filesInFlight, Empty: func(t *proc.Tick, net uint64) []uint64 {
			list, _ := DumpUnix(t, net) // what it could not read is not empty
			return sock.EmptyUnix(list)
		}},
		Ends: socketEnds,
		Help: "stream, datagram and seqpacket sockets within the machine: who talks to whom, who listens, " +
			"who waits for accept",
		Costs: []schema.Cost{{Need: NeedSockets, Name: "sock_diag"},
			{Need: NeedInFlight, Name: "descriptors in flight"}},
		Columns: unixColumns(),
		Default: []string{"type", "state", "status", "recvq", "sendq", "path", "peer", "peer_path", "holders"},
		Needs:   SocketNeeds, OnDemand: []string{"inflight", "ns_leader"},
		Relates: HolderNeeds,
		Collect: collectUnix,
		Relate:  relateSockets,
		Label:   unixLabel,
	}
}

// filesInFlight counts the descriptors in messages that a socket has not received yet.
func filesInFlight(text []byte) proc.HiddenFiles {
	n, _ := fdinfo.ParseInFlight(text)
	return proc.HiddenFiles{InFlight: n}
}

func unixColumns() []schema.Column {
	type row = UnixRow
	col := schema.Col[row]
	text := func(id string, width int, help string, get func(*row) schema.Value) schema.Column {
		return col(id, schema.TypeString, width, SocketNeeds, help, get)
	}
	ends := func(id string, help string, get func(*row) schema.Value) schema.Column {
		return col(id, schema.TypeEndpoints, 24, HolderNeeds, help, get)
	}
	return ofSockets(append([]schema.Column{
		text("type", 9, "stream, dgram or seqpacket",
			func(r *row) schema.Value { return schema.String(r.Type.String()) }),
		text("state", 6, "ss's word: LISTEN, ESTAB, UNCONN",
			func(r *row) schema.Value { return schema.String(r.State.String()) }),
		text("status", 11, "unaccepted: waits for the listener's accept; full: a listener that takes no more; "+
			"half-closed: one direction is shut down; "+
			"peer-closed: the other end is gone; stale: a path that no socket is bound to",
			func(r *row) schema.Value { return r.status() }),
		col("recvq", schema.TypeInt, 6, SocketNeeds,
			"of a listener the clients that wait for accept, else bytes to be read (of a datagram socket, "+
				"in the first datagram)",
			func(r *row) schema.Value { return count(r.RecvQueue, r.Diag) }),
		col("sendq", schema.TypeInt, 6, SocketNeeds,
			"of a listener the most clients that may wait, else bytes of memory that sent and unread data takes",
			func(r *row) schema.Value { return count(r.SendQueue, r.Diag) }),
		text("path", 30, "path it is bound to; @name if abstract",
			func(r *row) schema.Value { return UnixName(r.UnixSocket) }),
		col("peer", schema.TypeRef, 12, SocketNeeds, "socket at the other end", func(r *row) schema.Value {
			if !r.Diag {
				return schema.Uncollected(schema.TypeRef)
			}
			return r.peerRef()
		}),
		text("peer_path", 30, "path that the other end, or the listener it waits for, is bound to",
			func(r *row) schema.Value { return r.peerName }),
		ends("holders", "processes that have it open", func(r *row) schema.Value { return r.holders }),
		ends("peer_holders", "processes that have the other end open", func(r *row) schema.Value {
			if !r.Diag {
				return schema.Uncollected(schema.TypeEndpoints)
			}
			return r.PeerHolders()
		}),
		ends("waiters", "processes that wait for this listener's accept",
			func(r *row) schema.Value { return r.Ends().Waiters }),
		text("shutdown", 8, "directions closed by shutdown(2): rd, wr or rdwr",
			func(r *row) schema.Value { return shutdownValue(r.Shutdown, r.Diag) }),
		text("owner", 9, "name of the user who made it", func(r *row) schema.Value { return r.Owner }),
		col("uid", schema.TypeInt, 6, SocketNeeds, "id of the user who made it",
			func(r *row) schema.Value { return r.uid }),
		col("inode", schema.TypeInt, 9, SocketNeeds, "inode number, as in /proc/PID/fd",
			func(r *row) schema.Value { return schema.Int(int64(r.Inode)) }),
		col("inflight", schema.TypeInt, 8, HolderNeeds|NeedInFlight,
			"descriptors that were sent to it (SCM_RIGHTS) and not received yet: who sent them may have closed them",
			func(r *row) schema.Value { return r.inFlight }),
	}, netColumns()...))
}

// ofSockets makes columns that are blank for a path without a socket.
func ofSockets(columns []schema.Column) []schema.Column {
	for i := range columns {
		get, typ := columns[i].Get, columns[i].Type
		if slices.Contains([]string{"status", "path", "owner", "uid"}, columns[i].ID) {
			continue
		}
		columns[i].Get = func(o *schema.Object) schema.Value {
			if o.Row.(*UnixRow).File != nil {
				return schema.None(typ)
			}
			return get(o)
		}
	}
	return columns
}

func collectUnix(t *proc.Tick) ([]*schema.Object, error) { return unixSockets(t, inNetSpaces) }

func unixSockets(t *proc.Tick, visit netVisit) ([]*schema.Object, error) {
	var objects []*schema.Object
	var rows map[uint64]*UnixRow
	// Inode numbers are unique on the machine. A path leads to a socket of any network namespace. So the two ends of a
	// connection may be in two namespaces.
	err := visit(t, func(at *proc.Place) error {
		sockets, err := DumpUnix(t, at.Ino)
		// The kernel's order is that of a hash table. Rows must stay in place.
		sorted := pointersTo(sockets)
		slices.SortFunc(sorted, func(a, b *sock.UnixSocket) int { return cmp.Compare(a.Inode, b.Inode) })
		if rows == nil {
			rows = make(map[uint64]*UnixRow, len(sockets))
		}
		room, found := NewObjects[UnixRow](len(sockets))
		n := 0
		for _, s := range sorted {
			// While sockets come and go, a dump may list one twice.
			if rows[s.Inode] != nil {
				continue
			}
			r := &room[n]
			r.UnixSocket = s
			r.Socket = newSocket(t, schema.Unix, at, s.Inode, s.Cookie)
			if s.HasUID {
				r.setOwner(t, s.UID)
			}
			rows[s.Inode], found[n].Ref = r, r.Ref
			n++
		}
		objects = append(objects, found[:n]...)
		return err
	})
	for _, o := range objects {
		r := o.Row.(*UnixRow)
		r.join(rows)
		setInFlight(t, r)
	}
	for _, o := range objects {
		r := o.Row.(*UnixRow)
		r.peerName = r.otherName(rows)
		if r.State == sock.SocketListen {
			r.setWaiters(t)
		}
	}
	return objects, err
}

// UnboundPath makes the object of a path that no socket is bound to, from its file.
func UnboundPath(t *proc.Tick, file *vfs.PosixFile) *schema.Object {
	r := &UnixRow{UnixSocket: &sock.UnixSocket{Naming: sock.UnixPath, Name: file.Name, UID: file.UID, HasUID: true},
		File: file}
	r.Ref = schema.Ref{Kind: schema.Unix, Name: file.Name, Gen: file.Ino}
	r.setOwner(t, file.UID)
	return &schema.Object{Ref: r.Ref, Row: r}
}

// setInFlight counts the descriptors that wait in the socket, from the fdinfo of any readable holder.
func setInFlight(t *proc.Tick, r *UnixRow) {
	r.inFlight = schema.Uncollected(schema.TypeInt)
	if !t.Gathered(r.Ref, HolderNeeds) || !t.WantsFor(r.Ref, NeedInFlight) {
		return
	}
	r.inFlight = schema.None(schema.TypeInt)
	for _, u := range r.Uses {
		n, ok, err := inFlight(t, u)
		switch {
		case sys.Denied(err):
			r.inFlight = schema.Refused(schema.TypeInt)
		case err == nil && ok:
			r.inFlight = schema.Int(int64(n))
			return
		}
	}
}

func inFlight(t *proc.Tick, u proc.FDUse) (n int, ok bool, err error) {
	text, err := t.DescriptorText(u)
	if err != nil {
		return 0, false, err
	}
	n, ok = fdinfo.ParseInFlight(text)
	return n, ok, nil
}

// join connects the socket with its peer and with the clients that wait for its accept.
func (r *UnixRow) join(rows map[uint64]*UnixRow) {
	if p := rows[r.Peer]; p != nil {
		r.Other, r.OtherProof = &p.Socket, schema.Observed
	}
	for _, inode := range r.Pending {
		if c := rows[inode]; c != nil {
			c.Listener, c.listenProof = &r.Socket, schema.Observed
			r.waiting = append(r.waiting, &c.Socket)
		}
	}
}

// Full reports whether the queue of a listener takes no more connections (unix_recvq_full, net/unix/af_unix.c).
func (r *UnixRow) Full() bool {
	return r.Diag && r.State == sock.SocketListen && r.RecvQueue > r.SendQueue
}

// status adds a word to a state that ss's word alone does not explain.
func (r *UnixRow) status() schema.Value {
	switch {
	case r.File != nil:
		return schema.String(SocketStale)
	case !r.Diag:
		return schema.Uncollected(schema.TypeString)
	case r.Full():
		return schema.String(SocketFull)
	case r.Listener != nil:
		return schema.String(SocketUnaccepted)
	case r.Type != sock.SocketDgram && r.State == sock.SocketEstablished && r.Peer == 0 &&
		r.Shutdown == sock.ShutdownReceive|sock.ShutdownSend:
		// When one end closes, the kernel shuts down both directions of the other end (net/unix/af_unix.c,
		// unix_release_sock).
		return schema.String(SocketPeerClosed)
	}
	return WordValue(shutdownStatus(r.Shutdown))
}

// UnixName shows an abstract name with a leading '@', as ss, lsfd and /proc/net/unix do.
func UnixName(s *sock.UnixSocket) schema.Value {
	switch s.Naming {
	case sock.UnixAbstract:
		return schema.Name("@" + s.Name)
	case sock.UnixPath:
		return schema.Name(s.Name)
	}
	return schema.None(schema.TypeString)
}

// otherName is the name of the other end. Most clients have no name, but their server has one.
func (r *UnixRow) otherName(rows map[uint64]*UnixRow) schema.Value {
	other := r.Other
	if other == nil {
		other = r.Listener
	}
	switch {
	case !r.Diag:
		return schema.Uncollected(schema.TypeString)
	case other == nil:
		return schema.None(schema.TypeString)
	}
	return UnixName(rows[other.inode].UnixSocket)
}

// unixLabel is the socket's name, or the other end's name, or the two commands.
func unixLabel(o *schema.Object) string {
	r := o.Row.(*UnixRow)
	switch name := UnixName(r.UnixSocket); {
	case name.IsKnown():
		return name.Str()
	case r.peerName.IsKnown():
		return r.holderName() + " → " + r.peerName.Str()
	case r.Other != nil:
		return r.holderName() + " ↔ " + r.Other.holderName()
	}
	return r.holderName()
}
