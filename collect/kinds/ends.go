package kinds

import "github.com/ipctop/ipctop/collect/schema"

// Side is a place at which processes are at an object. Its word is the ID of the column that shows them.
type Side string

// The sides that several kinds have.
const (
	Holders Side = "holders"
	Readers Side = "readers"
	Writers Side = "writers"
	Waiters Side = "waiters"
)

// Ends are the processes at an object, by side. A side that its kind does not have is the zero Value, whose Type is
// not TypeEndpoints.
type Ends struct{ Holders, Readers, Writers, Waiters schema.Value }

// At gives the processes at a side. has is false where the kind has no such side.
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

// EndsOf gives the processes at an object.
func EndsOf(o *schema.Object) Ends {
	if r, ok := o.Row.(ended); ok {
		return r.Ends()
	}
	return Ends{}
}

// ended is a row of a kind that has sides.
type ended interface{ Ends() Ends }

// NeedsAt is what has to be gathered for these sides of a kind's objects.
func (m *Mechanism) NeedsAt(sides ...Side) schema.Need {
	ids := make([]string, len(sides))
	for i, s := range sides {
		ids[i] = string(s)
	}
	return m.NeedsOf(ids)
}

// Ends of the kinds.

func (r *MsgRow) Ends() Ends   { return Ends{Waiters: r.Waiters} }
func (r *SemRow) Ends() Ends   { return Ends{Waiters: r.waiters} }
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

// Ends of a pidfd: whoever waits on one waits for its process.
func (r *PidFDRow) Ends() Ends { return Ends{Holders: r.holders} }

// Ends of a socket are its own, not those of the other end.
func (s *Socket) Ends() Ends  { return Ends{Holders: s.holders} }
func (r *InetRow) Ends() Ends { return Ends{Holders: r.holders, Waiters: r.waiters} }

// Ends of a UNIX socket: who waits for accept is known of sock_diag alone.
func (r *UnixRow) Ends() Ends {
	e := Ends{Holders: r.holders, Waiters: r.waiters}
	if !r.Diag {
		e.Waiters = schema.Uncollected(schema.TypeEndpoints)
	}
	return e
}
