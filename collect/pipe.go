package collect

import (
	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/schema"
)

// pipeRow is a pipe or a FIFO.
type pipeRow struct {
	id               FileID
	path             string // FIFOs
	readers, writers schema.Value
	status           schema.Value
	uses             []FDUse
}

// The words of a pipe's status. A pipe with both ends has none.
const (
	NoReaders = "no-readers"
	NoWriters = "no-writers"
)

const pipeNeeds = schema.NeedProcs | schema.NeedFDs | schema.NeedFDModes

func pipeMechanism() *Mechanism {
	return &Mechanism{
		Kind: schema.Pipe, Family: Pipes, Title: "Pipes", Help: "anonymous pipes: who reads, who writes, and whose other end is gone",
		Columns: pipeColumns(),
		Default: []string{"status", "readers", "writers"},
		Needs:   pipeNeeds,
		Collect: func(f *Facts) ([]*schema.Object, error) { return collectPipes(f, FDPipe, schema.Pipe), nil },
		Relate:  relatePipes,
		Label:   pipeLabel,
	}
}

func fifoMechanism() *Mechanism {
	col := schema.Col[pipeRow]
	columns := append([]schema.Column{
		col("path", schema.TypeString, 30, pipeNeeds, "where a holder reached it; (deleted) where the name is gone", func(r *pipeRow) schema.Value { return schema.String(r.path) }),
		col("dev", schema.TypeString, 7, pipeNeeds, "device of its file system, major:minor", func(r *pipeRow) schema.Value { return schema.String(schema.FormatDev(r.id.Dev)) }),
	}, pipeColumns()...)
	return &Mechanism{
		Kind: schema.Fifo, Family: Pipes, Title: "FIFOs", Help: "named pipes that some process has open, joined by device and inode",
		Columns: columns,
		Default: []string{"path", "status", "readers", "writers"},
		Needs:   pipeNeeds,
		Collect: func(f *Facts) ([]*schema.Object, error) { return collectPipes(f, FDFifo, schema.Fifo), nil },
		Relate:  relatePipes,
		Label:   func(o *schema.Object) string { return o.Row.(*pipeRow).path },
	}
}

func pipeColumns() []schema.Column {
	col := schema.Col[pipeRow]
	return []schema.Column{
		col("inode", schema.TypeInt, 9, pipeNeeds, "inode number", func(r *pipeRow) schema.Value { return schema.Int(int64(r.id.Ino)) }),
		col("status", schema.TypeString, 10, pipeNeeds|schema.NeedPipeEnds, "no-readers or no-writers where an end is gone: writing then gives EPIPE, reading end of file",
			func(r *pipeRow) schema.Value { return r.status }),
		col("readers", schema.TypeEndpoints, 24, pipeNeeds, "descriptors that can read", func(r *pipeRow) schema.Value { return r.readers }),
		col("writers", schema.TypeEndpoints, 24, pipeNeeds, "descriptors that can write", func(r *pipeRow) schema.Value { return r.writers }),
	}
}

func canRead(fd *FD) bool  { return fd.Access&kernel.CanRead != 0 }
func canWrite(fd *FD) bool { return fd.Access&kernel.CanWrite != 0 }

func collectPipes(f *Facts, kind FDKind, k schema.Kind) []*schema.Object {
	var objects []*schema.Object
	for _, id := range f.Targets(kind) {
		uses := f.FDUses(kind, id.Dev, id.Ino)
		r := &pipeRow{id: id, path: uses[0].FD.Path, uses: uses, readers: f.Holders(uses, canRead), writers: f.Holders(uses, canWrite)}
		r.status = schema.Uncollected(schema.TypeString)
		if ref := (schema.Ref{Kind: k, Space: id.Dev, ID: id.Ino}); f.WantsFor(ref, schema.NeedPipeEnds) {
			r.status = f.pipeStatus(r, kind)
		}
		objects = append(objects, &schema.Object{Ref: schema.Ref{Kind: k, Space: id.Dev, ID: id.Ino}, Row: r})
	}
	return objects
}

// pipeStatus tells whether an end is gone. Not having seen a holder is no proof: it may belong to a process that may not be looked
// into, or travel in a socket (SCM_RIGHTS). The kernel says it by poll on a duplicate of the other end.
func (f *Facts) pipeStatus(r *pipeRow, kind FDKind) schema.Value {
	whole := schema.None(schema.TypeString)
	for _, u := range r.uses {
		if u.FD.Access == kernel.CanRead|kernel.CanWrite {
			return whole
		}
	}
	readers, writers := len(r.readers.Endpoints()), len(r.writers.Endpoints())
	if readers > 0 && writers > 0 {
		return whole
	}
	word := NoReaders
	if readers > 0 {
		word = NoWriters
	}
	if f.Host.Live() {
		ends, err := kernel.PollPipe(r.uses[0].Process.PID, int(r.uses[0].FD.Num))
		switch {
		case err != nil:
		case ends.NoReaders && word == NoReaders, ends.NoWriters && word == NoWriters:
			return schema.String(word)
		case kind == FDPipe || word == NoReaders:
			return whole
			// On a FIFO that no writer has opened since this reader did, poll does not say so (w_counter in fs/pipe.c).
		}
	}
	if f.Unseen("fd") > 0 {
		return schema.Refused(schema.TypeString)
	}
	return schema.String(word)
}

func relatePipes(f *Facts, objects []*schema.Object) []schema.Edge {
	var edges []schema.Edge
	for _, o := range objects {
		edges = append(edges, f.HoldEdges(o.Ref, o.Row.(*pipeRow).uses, func(fd *FD) schema.Rel {
			switch fd.Access {
			case kernel.CanRead:
				return schema.RelReads
			case kernel.CanWrite:
				return schema.RelWrites
			}
			return schema.RelHolds
		})...)
	}
	return edges
}

// pipeLabel shows what flows where: "dd → cat".
func pipeLabel(o *schema.Object) string {
	r := o.Row.(*pipeRow)
	side := func(v schema.Value) string {
		if e := v.Endpoints(); len(e) > 0 {
			return e[0].Comm
		}
		return "?"
	}
	return side(r.writers) + " → " + side(r.readers)
}
