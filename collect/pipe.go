package collect

import (
	"io/fs"
	"slices"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/schema"
)

// pipeRow is a pipe or a FIFO.
type pipeRow struct {
	id               FileID
	path             string // FIFOs
	readers, writers schema.Value
	status, waiters  schema.Value
	fill, capacity   schema.Value
	uses             []FDUse
	waits            []waiter
	file             *kernel.PosixFile // a FIFO that nobody has open; nil for all others
}

// The words of a pipe's status. A pipe with both ends has none.
const (
	NoReaders = "no-readers"
	NoWriters = "no-writers"
	PipeFull  = "full" // a thread sleeps in write
)

const pipeNeeds = schema.NeedProcs | schema.NeedFDs | schema.NeedFDModes

func pipeMechanism() *Mechanism {
	return &Mechanism{
		Kind: schema.Pipe, Family: Pipes, Title: "Pipes", Help: "anonymous pipes: who reads, who writes, and whose other end is gone",
		Descriptor: &Descriptor{Kind: schema.Pipe, Walked: []FDKind{FDPipe}, Ref: pipeRef},
		Columns:    pipeColumns(),
		Default:    []string{"status", "readers", "writers", "waiters"}, OnDemand: pipeOnDemand(),
		Needs: pipeNeeds, Relates: schema.NeedSyscall,
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
		Kind: schema.Fifo, Family: Pipes, Title: "FIFOs", Help: "named pipes that some process has open or waits to open, joined by device and inode",
		Descriptor: &Descriptor{Kind: schema.Fifo, Walked: []FDKind{FDFifo}, Ref: fifoRef},
		Columns:    columns,
		Default:    []string{"path", "status", "readers", "writers", "waiters"}, OnDemand: pipeOnDemand(),
		Needs: pipeNeeds, Relates: schema.NeedSyscall,
		Collect: func(f *Facts) ([]*schema.Object, error) { return collectPipes(f, FDFifo, schema.Fifo), nil },
		Relate:  relatePipes,
		Label:   func(o *schema.Object) string { return o.Row.(*pipeRow).path },
	}
}

func pipeColumns() []schema.Column {
	col := schema.Col[pipeRow]
	return []schema.Column{
		col("inode", schema.TypeInt, 9, pipeNeeds, "inode number", func(r *pipeRow) schema.Value { return schema.Int(int64(r.id.Ino)) }),
		col("status", schema.TypeString, 10, pipeNeeds|schema.NeedPipeEnds|schema.NeedSyscall, "no-readers or no-writers: an end is gone, so that writing gives EPIPE, reading end of file; full: a writer sleeps until somebody reads",
			func(r *pipeRow) schema.Value { return r.status }),
		col("readers", schema.TypeEndpoints, 24, pipeNeeds, "descriptors that can read", func(r *pipeRow) schema.Value { return r.readers }),
		col("writers", schema.TypeEndpoints, 24, pipeNeeds, "descriptors that can write", func(r *pipeRow) schema.Value { return r.writers }),
		col("waiters", schema.TypeEndpoints, 24, pipeNeeds|schema.NeedSyscall,
			"threads that sleep in read (it is empty), in write (it is full) or in the open of a FIFO (its other end is missing)",
			func(r *pipeRow) schema.Value { return r.waiters }),
		col("fill", schema.TypeBytes, 6, pipeNeeds|schema.NeedPipeFill, "bytes queued in it", func(r *pipeRow) schema.Value { return r.fill }),
		col("capacity", schema.TypeBytes, 8, pipeNeeds|schema.NeedPipeFill, "bytes that it can hold", func(r *pipeRow) schema.Value { return r.capacity }),
	}
}

// pipeOnDemand are the columns that take a system call on each pipe.
func pipeOnDemand() []string { return []string{"fill", "capacity"} }

func pipeRef(_ *Facts, u FDUse) (schema.Ref, bool) {
	return schema.Ref{Kind: schema.Pipe, ID: u.FD.Ino}, true
}

func fifoRef(_ *Facts, u FDUse) (schema.Ref, bool) {
	return schema.Ref{Kind: schema.Fifo, Space: u.FD.Dev, ID: u.FD.Ino}, true
}

func canRead(fd *FD) bool  { return fd.Access&kernel.CanRead != 0 }
func canWrite(fd *FD) bool { return fd.Access&kernel.CanWrite != 0 }

func collectPipes(f *Facts, fds FDKind, kind schema.Kind) []*schema.Object {
	ids := f.Targets(fds)
	if kind == schema.Fifo {
		ids = append(ids, f.openedFIFOs()...)
		slices.SortFunc(ids, FileID.Compare)
		ids = slices.Compact(ids)
	}
	objects := make([]*schema.Object, 0, len(ids))
	for _, id := range ids {
		ref := schema.Ref{Kind: kind, Space: id.Dev, ID: id.Ino}
		uses := f.FDUses(fds, id.Dev, id.Ino)
		r := &pipeRow{id: id, uses: uses, readers: f.Holders(uses, canRead), writers: f.Holders(uses, canWrite),
			waits: f.waitersOf(waitKey{kind, id.Dev, id.Ino})}
		r.path = r.anyPath()
		r.waiters = f.waitersValue(ref, r.waits, kind == schema.Pipe && f.allWaitsSeen(uses))
		r.status = schema.Uncollected(schema.TypeString)
		if f.gathered(ref, schema.NeedPipeEnds) {
			r.status = f.pipeStatus(r, fds)
			r.settleEnds()
		}
		f.pipeFill(ref, r)
		objects = append(objects, &schema.Object{Ref: ref, Row: r})
	}
	return objects
}

// closedFIFO is a FIFO that nobody has open, by its file.
func (f *Facts) closedFIFO(file *kernel.PosixFile) *schema.Object {
	ref := schema.Ref{Kind: schema.Fifo, Space: file.Dev, ID: file.Ino}
	return &schema.Object{Ref: ref, Row: &pipeRow{id: FileID{file.Dev, file.Ino}, path: file.Name, file: file, readers: f.Holders(nil, nil), writers: f.Holders(nil, nil),
		waiters: f.waitersValue(ref, nil, false), status: schema.None(schema.TypeString), fill: schema.None(schema.TypeBytes), capacity: schema.None(schema.TypeBytes)}}
}

// anyPath is where a process reached a FIFO.
func (r *pipeRow) anyPath() string {
	if len(r.uses) > 0 {
		return r.uses[0].FD.Path
	}
	for _, w := range r.waits {
		if w.call == "open" {
			return w.fifo.Path
		}
	}
	return ""
}

// allWaitsSeen says whether nobody can wait on a pipe unseen: who does, holds it.
func (f *Facts) allWaitsSeen(uses []FDUse) bool {
	return f.Unseen("fd") == 0 && !slices.ContainsFunc(uses, func(u FDUse) bool { return kernel.Denied(u.Process.waitErr) })
}

// pipeFill asks how full it is, through any descriptor on it that may be duplicated.
func (f *Facts) pipeFill(ref schema.Ref, r *pipeRow) {
	r.fill, r.capacity = schema.Uncollected(schema.TypeBytes), schema.Uncollected(schema.TypeBytes)
	if !f.gathered(ref, schema.NeedPipeFill) || !f.Host.Live() {
		return
	}
	r.fill, r.capacity = schema.None(schema.TypeBytes), schema.None(schema.TypeBytes)
	for _, u := range r.uses {
		state, err := kernel.ReadPipe(u.Process.PID, int(u.FD.Num), u.FD.Dev, u.FD.Ino)
		if err == nil {
			r.fill, r.capacity = schema.Bytes(uint64(state.Queued)), schema.Bytes(uint64(state.Capacity))
			return
		}
		if kernel.Denied(err) {
			r.fill, r.capacity = schema.Refused(schema.TypeBytes), schema.Refused(schema.TypeBytes)
		}
	}
}

// pipeStatus tells whether an end is gone. Not having seen a holder is no proof: it may belong to a process that may not be looked
// into, or travel in a socket (SCM_RIGHTS). The kernel says it by poll on a duplicate of the other end.
func (f *Facts) pipeStatus(r *pipeRow, kind FDKind) schema.Value {
	whole := schema.None(schema.TypeString)
	if len(r.uses) == 0 {
		return openWaits(r.waits[0].fifo.Access)
	}
	for _, u := range r.uses {
		if u.FD.Access == kernel.CanRead|kernel.CanWrite {
			return whole
		}
	}
	readers, writers := len(r.readers.Endpoints()), len(r.writers.Endpoints())
	if readers > 0 && writers > 0 {
		return r.fullness()
	}
	word := NoReaders
	if readers > 0 {
		word = NoWriters
	}
	if f.Host.Live() {
		ends, err := pollPipe(r.uses)
		switch {
		case kernel.Denied(err): // by Yama or a container's filter, though the descriptors could be read
			return schema.Refused(schema.TypeString)
		case kernel.Gone(err):
			return whole
		case err != nil: // before Linux 5.6
			return schema.Uncollected(schema.TypeString)
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

// fullness is the status of a pipe with both ends. A write sleeps only where there is no room for it (pipe(7)).
func (r *pipeRow) fullness() schema.Value {
	if slices.ContainsFunc(r.waits, func(w waiter) bool { return w.call == "write" }) {
		return schema.String(PipeFull)
	}
	return schema.None(schema.TypeString)
}

// settleEnds corrects what the walk says of an end that nobody was seen at by what the kernel said: it is gone, or somebody holds it
// unseen: a process outside this pid namespace or that refused to be looked into, or a descriptor on its way through a socket.
func (r *pipeRow) settleEnds() {
	if len(r.uses) == 0 || r.status.State() != schema.Absent && !r.status.IsKnown() {
		return
	}
	for _, end := range []struct {
		cell *schema.Value
		gone string
	}{{&r.readers, NoReaders}, {&r.writers, NoWriters}} {
		switch {
		case len(end.cell.Endpoints()) > 0:
		case r.status.Str() == end.gone:
			*end.cell = schema.Endpoints(nil, false)
		default:
			*end.cell = schema.Refused(schema.TypeEndpoints)
		}
	}
}

// pollPipe asks through the first descriptor that may be duplicated. One that was opened with O_PATH is neither end.
func pollPipe(uses []FDUse) (ends kernel.PipeState, err error) {
	err = fs.ErrNotExist
	for _, u := range uses {
		if u.FD.Access == 0 {
			continue
		}
		if ends, err = kernel.PollPipe(u.Process.PID, int(u.FD.Num), u.FD.Dev, u.FD.Ino); err == nil {
			return ends, nil
		}
	}
	return ends, err
}

// openWaits tells what an open of a FIFO waits for: nobody has the other end (wait_for_partner in fs/pipe.c).
func openWaits(a kernel.Access) schema.Value {
	if a == kernel.CanRead {
		return schema.String(NoWriters)
	}
	return schema.String(NoReaders)
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
		edges = append(edges, waitEdges(o.Ref, o.Row.(*pipeRow).waits)...)
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
