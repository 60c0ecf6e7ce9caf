package kinds

import "github.com/ipctop/ipctop/collect/schema"

// Side is one group of the processes that use an object. Its word is the ID of the column with these processes.
type Side string

// The sides that several kinds share.
const (
	Holders Side = "holders"
	Readers Side = "readers"
	Writers Side = "writers"
	Waiters Side = "waiters"
)

// Ends are the processes that use an object, by side. If the kind does not have a side, its Value is the zero Value,
// whose Type is not TypeEndpoints.
type Ends struct{ Holders, Readers, Writers, Waiters schema.Value }

// At returns the processes at a side. has is false if the kind does not have the side.
func (e Ends) At(s Side) (v schema.Value, has bool) {
	switch s {
	case Holders:
		v = e.Holders
	case Readers:
		v = e.Readers
	case Writers:
		v = e.Writers
	case Waiters:
		v = e.Waiters
	}
	return v, v.Type() == schema.TypeEndpoints
}

// EndsOf returns the processes that use an object.
func EndsOf(o *schema.Object) Ends {
	if r, ok := o.Row.(endsRow); ok {
		return r.Ends()
	}
	return Ends{}
}

// endsRow is a row of a kind that has sides.
type endsRow interface{ Ends() Ends }

// NeedsAt returns the needs of the columns of these sides.
func (m *Mechanism) NeedsAt(sides ...Side) schema.Need {
	ids := make([]string, len(sides))
	for i, s := range sides {
		ids[i] = string(s)
	}
	return m.NeedsOf(ids)
}

// Ends of the kinds:

func (r *MsgRow) Ends() Ends   { return Ends{Waiters: r.Waiters} }
func (r *SemRow) Ends() Ends   { return Ends{Holders: r.Undo, Waiters: r.waiters} }
func (r *ShmRow) Ends() Ends   { return Ends{Holders: r.Holders} }
func (r *PosixRow) Ends() Ends { return Ends{Holders: r.Holders, Waiters: r.Waiters} }
func (r *MmapRow) Ends() Ends  { return Ends{Holders: r.holders, Waiters: r.waiters} }
func (r *PipeRow) Ends() Ends {
	return Ends{Readers: r.readers, Writers: r.writers, Waiters: r.waiters}
}
func (r *PtyRow) Ends() Ends     { return Ends{Holders: r.all, Waiters: r.waiters} }
func (r *LockRow) Ends() Ends    { return Ends{Holders: r.holders, Waiters: r.waiters} }
func (r *NSRow) Ends() Ends      { return Ends{Holders: r.holder} }
func (d *descriptor) Ends() Ends { return Ends{Holders: d.holders, Waiters: d.waiters} }

// Ends of a pidfd have no waiters: a waiter on a pidfd waits for its process.
func (r *PidFDRow) Ends() Ends { return Ends{Holders: r.holders} }

// Ends of a socket are its own ends, not those of its peer.
func (s *Socket) Ends() Ends  { return Ends{Holders: s.holders} }
func (r *InetRow) Ends() Ends { return Ends{Holders: r.holders, Waiters: r.waiters} }

// Ends of a UNIX socket have the waiters for accept only if sock_diag was read.
func (r *UnixRow) Ends() Ends {
	e := Ends{Holders: r.holders, Waiters: r.waiters}
	if !r.Diag {
		e.Waiters = schema.Uncollected(schema.TypeEndpoints)
	}
	return e
}
