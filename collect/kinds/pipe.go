package kinds

import (
	"io/fs"
	"slices"

	"github.com/ipctop/ipctop/collect/kernel/fdinfo"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/vfs"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// PipeRow is a pipe or a FIFO.
type PipeRow struct {
	ID               proc.FileID
	Path             string // of a FIFO
	readers, writers schema.Value
	status, waiters  schema.Value
	fill, capacity   schema.Value
	Uses             []proc.FDUse // perhaps of an earlier tick: proc.SameUses
	Waits            []proc.Waiter
	File             *vfs.PosixFile // of a FIFO that nobody has open; nil for all others
	Owner            schema.Value   // the owner of File
}

// The words of a pipe's status. The status of a pipe with both ends is blank.
const (
	NoReaders = "no-readers"
	NoWriters = "no-writers"
	PipeFull  = "full" // a thread sleeps in write
)

// PipeNeeds are the needs of pipes and FIFOs.
const PipeNeeds = proc.NeedProcs | proc.NeedFDs | proc.NeedFDModes

// Pipe is the Mechanism of anonymous pipes.
func Pipe() *Mechanism {
	return &Mechanism{
		Kind: schema.Pipe, Family: Pipes, Title: "Pipes",
		Ends:       "a pipe goes away when its last holder closes it: end its holders with " + EndHolders,
		Help:       "anonymous pipes: who reads, who writes, and whose other end is gone",
		Costs:      []schema.Cost{{Need: NeedPipeEnds, Name: "pipe poll"}, {Need: NeedPipeFill, Name: "pipe fill"}},
		Descriptor: &proc.Descriptor{Kind: schema.Pipe, Walked: []proc.FDKind{proc.FDPipe}, Ref: pipeRef},
		Columns:    pipeColumns(),
		Default:    []string{"status", "readers", "writers", "waiters"}, OnDemand: pipeOnDemand(),
		Needs: PipeNeeds, Relates: proc.NeedSyscall,
		Collect: func(t *proc.Tick) ([]*schema.Object, error) { return collectPipes(t, proc.FDPipe, schema.Pipe), nil },
		Relate:  relatePipes,
		Label:   pipeLabel,
	}
}

// Fifo is the Mechanism of FIFOs.
func Fifo() *Mechanism {
	col := schema.Col[PipeRow]
	columns := append([]schema.Column{
		col("path", schema.TypeString, 30, PipeNeeds, "where a holder reached it; (deleted) where the name is gone",
			func(r *PipeRow) schema.Value { return schema.Name(r.Path) }),
		// A stat through a descriptor could hang on the file system of a dead server. So the owner of an open FIFO is
		// not read.
		col("owner", schema.TypeString, 9, PipeNeeds, "name of the owner of a FIFO that nobody has open",
			func(r *PipeRow) schema.Value { return r.Owner }),
		col("dev", schema.TypeString, 7, PipeNeeds, "device of its file system, major:minor",
			func(r *PipeRow) schema.Value { return schema.String(schema.FormatDev(r.ID.Dev)) }),
	}, pipeColumns()...)
	return &Mechanism{
		Kind: schema.Fifo, Family: Pipes, Title: "FIFOs",
		Ends:       "a FIFO is a file: rm its path; what is open stays until its holders end (" + EndHolders + ")",
		Help:       "named pipes that some process has open or waits to open, joined by device and inode",
		Descriptor: &proc.Descriptor{Kind: schema.Fifo, Walked: []proc.FDKind{proc.FDFifo}, Ref: fifoRef},
		Columns:    columns,
		Default:    []string{"path", "status", "readers", "writers", "waiters"}, OnDemand: pipeOnDemand(),
		Needs: PipeNeeds, Relates: proc.NeedSyscall,
		Collect: func(t *proc.Tick) ([]*schema.Object, error) { return collectPipes(t, proc.FDFifo, schema.Fifo), nil },
		Relate:  relatePipes,
		Label:   func(o *schema.Object) string { return o.Row.(*PipeRow).Path },
	}
}

func pipeColumns() []schema.Column {
	col := schema.Col[PipeRow]
	return []schema.Column{
		col("inode", schema.TypeInt, 9, PipeNeeds, "inode number",
			func(r *PipeRow) schema.Value { return schema.Int(int64(r.ID.Ino)) }),
		col("status", schema.TypeString, 10, PipeNeeds|NeedPipeEnds|proc.NeedSyscall,
			"no-readers or no-writers: an end is gone, so that writing gives EPIPE, reading end of file; "+
				"full: a writer sleeps until somebody reads",
			func(r *PipeRow) schema.Value { return r.status }),
		col("readers", schema.TypeEndpoints, 24, PipeNeeds, "descriptors that can read",
			func(r *PipeRow) schema.Value { return r.readers }),
		col("writers", schema.TypeEndpoints, 24, PipeNeeds, "descriptors that can write",
			func(r *PipeRow) schema.Value { return r.writers }),
		col("waiters", schema.TypeEndpoints, 24, PipeNeeds|proc.NeedSyscall,
			"threads that sleep in read (it is empty), in write (it is full) or in the open of a FIFO (its other "+
				"end is missing)",
			func(r *PipeRow) schema.Value { return r.waiters }),
		col("fill", schema.TypeBytes, 6, PipeNeeds|NeedPipeFill, "bytes queued in it",
			func(r *PipeRow) schema.Value { return r.fill }),
		col("capacity", schema.TypeBytes, 8, PipeNeeds|NeedPipeFill, "bytes that it can hold",
			func(r *PipeRow) schema.Value { return r.capacity }),
	}
}

// pipeOnDemand lists the columns that need a system call on each pipe.
func pipeOnDemand() []string { return []string{"fill", "capacity"} }

func pipeRef(_ *proc.Tick, u proc.FDUse) (schema.Ref, bool) {
	return schema.Ref{Kind: schema.Pipe, ID: u.FD.Ino}, true
}

func fifoRef(_ *proc.Tick, u proc.FDUse) (schema.Ref, bool) {
	return schema.Ref{Kind: schema.Fifo, Space: u.FD.Dev, ID: u.FD.Ino}, true
}

// CanRead reports whether a descriptor is open for reading.
func CanRead(fd *proc.FD) bool { return fd.Access&fdinfo.CanRead != 0 }

// CanWrite reports whether a descriptor is open for writing.
func CanWrite(fd *proc.FD) bool { return fd.Access&fdinfo.CanWrite != 0 }

func collectPipes(t *proc.Tick, fds proc.FDKind, kind schema.Kind) []*schema.Object {
	ids, usesOf := t.Targets(fds)
	if opened := t.OpenedFIFOs(); kind == schema.Fifo && len(opened) > 0 {
		ids = append(ids, opened...)
		slices.SortFunc(ids, proc.FileID.Compare)
		ids = slices.Compact(ids)
		usesOf = func(n int) []proc.FDUse { return t.FDUses(fds, ids[n].Dev, ids[n].Ino) }
	}
	before := pipesBefore(t, kind)
	rows, objects := before.newRows(len(ids))
	for i, id := range ids {
		ref := schema.Ref{Kind: kind, Space: id.Dev, ID: id.Ino}
		uses, waits := usesOf(i), t.WaitersOf(proc.WaitKey{Kind: kind, Dev: id.Dev, ID: id.Ino})
		waiters := t.WaitersValue(ref, waits, kind == schema.Pipe && allWaitsSeen(t, uses))
		r := before.find(id)
		if r == nil || !r.stays(t, ref, uses, waiters) {
			r, uses = rows(i, uses)
			*r = PipeRow{ID: id, Uses: uses, Owner: schema.None(schema.TypeString), Waits: waits, waiters: waiters,
				readers: t.Holders(uses, CanRead), writers: t.Holders(uses, CanWrite)}
			r.Path = r.anyPath()
			r.status = schema.Uncollected(schema.TypeString)
			if t.Gathered(ref, NeedPipeEnds) {
				r.status = pipeStatus(t, r, fds)
				r.correctEnds()
			}
			pipeFill(t, ref, r)
		}
		objects[i].Ref, objects[i].Row = ref, r
	}
	before.keep(objects)
	return objects
}

// ClosedFIFO makes the object of a FIFO that nobody has open, from its file.
func ClosedFIFO(t *proc.Tick, file *vfs.PosixFile) *schema.Object {
	ref := schema.Ref{Kind: schema.Fifo, Space: file.Dev, ID: file.Ino}
	return &schema.Object{Ref: ref,
		Row: &PipeRow{ID: proc.FileID{Dev: file.Dev, Ino: file.Ino}, Path: file.Name, File: file,
			Owner: schema.String(t.Users.User(file.UID)), readers: t.Holders(nil, nil), writers: t.Holders(nil, nil),
			waiters: t.WaitersValue(ref, nil, false), status: schema.None(schema.TypeString),
			fill: schema.None(schema.TypeBytes), capacity: schema.None(schema.TypeBytes)}}
}

// anyPath is a path of the FIFO, as one of the processes reached it.
func (r *PipeRow) anyPath() string {
	if len(r.Uses) > 0 {
		return r.Uses[0].FD.Path
	}
	for _, w := range r.Waits {
		if w.Syscall == "open" {
			return w.Fifo.Path
		}
	}
	return ""
}

// allWaitsSeen reports whether all waiters of a pipe were seen: each waiter holds the pipe.
func allWaitsSeen(t *proc.Tick, uses []proc.FDUse) bool {
	return t.Unseen("fd") == 0 && !slices.ContainsFunc(uses,
		func(u proc.FDUse) bool { return sys.Denied(u.Process.WaitErr) })
}

// pipeFill reads the fill and the capacity, through any descriptor that may be duplicated.
func pipeFill(t *proc.Tick, ref schema.Ref, r *PipeRow) {
	r.fill, r.capacity = schema.Uncollected(schema.TypeBytes), schema.Uncollected(schema.TypeBytes)
	if !t.Gathered(ref, NeedPipeFill) || !t.Host.Live() {
		return
	}
	r.fill, r.capacity = schema.None(schema.TypeBytes), schema.None(schema.TypeBytes)
	known := func(state process.PipeState) {
		r.fill, r.capacity = schema.Bytes(uint64(state.Queued)), schema.Bytes(uint64(state.Capacity))
	}
	if state, ok := r.told(t); ok {
		known(state)
		return
	}
	for _, u := range r.Uses {
		state, err := process.ReadPipe(u.TID(), int(u.FD.Num), u.FD.Dev, u.FD.Ino)
		if err == nil {
			known(state)
			return
		}
		if sys.Denied(err) {
			r.fill, r.capacity = schema.Refused(schema.TypeBytes), schema.Refused(schema.TypeBytes)
		}
	}
}

// pipeStatus tells whether an end is closed. An end without a known holder is no proof. The holder may be a process
// that refused to show its descriptors, or a message on a socket (SCM_RIGHTS). So it asks the kernel, by poll(2) on a
// duplicate of the other end.
func pipeStatus(t *proc.Tick, r *PipeRow, kind proc.FDKind) schema.Value {
	whole := schema.None(schema.TypeString)
	if len(r.Uses) == 0 {
		return openWaits(r.Waits[0].Fifo.Access)
	}
	for _, u := range r.Uses {
		if u.FD.Access == fdinfo.CanRead|fdinfo.CanWrite {
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
	if t.Host.Live() {
		ends, err := r.ends(t)
		switch {
		case sys.Denied(err): // refused by Yama or a container's filter, though the descriptors were readable
			return schema.Refused(schema.TypeString)
		case sys.Gone(err):
			return whole
		case err != nil: // before Linux 5.6
			return schema.Uncollected(schema.TypeString)
		case ends.NoReaders && word == NoReaders, ends.NoWriters && word == NoWriters:
			return schema.String(word)
		case kind == proc.FDPipe || word == NoReaders:
			return whole
			// poll does not report a missing writer of a FIFO if no writer has opened it since this reader did
			// (w_counter in fs/pipe.c).
		}
	}
	if t.Unseen("fd") > 0 {
		return schema.Refused(schema.TypeString)
	}
	return schema.String(word)
}

// fullness is the status of a pipe with both ends. A write sleeps only if the pipe has no room (man 7 pipe).
func (r *PipeRow) fullness() schema.Value {
	if slices.ContainsFunc(r.Waits, func(w proc.Waiter) bool { return w.Syscall == "write" }) {
		return schema.String(PipeFull)
	}
	return schema.None(schema.TypeString)
}

// correctEnds corrects the holders of an end without a known holder, from the kernel's answer. Either the
// end is closed, or an unseen holder has it. Unseen are processes outside this pid namespace, processes that refused,
// and messages on a socket.
func (r *PipeRow) correctEnds() {
	if len(r.Uses) == 0 || r.status.State() != schema.Absent && !r.status.IsKnown() {
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

// told is the state that the kernel gave in one pass with all descriptors. A descriptor opened with O_PATH is no end of
// the pipe, and gives no state by itself.
func (r *PipeRow) told(t *proc.Tick) (state process.PipeState, ok bool) {
	if !slices.ContainsFunc(r.Uses, func(u proc.FDUse) bool { return u.FD.Access != 0 }) {
		return state, false
	}
	return t.PipeState(r.ID)
}

// ends tells which ends of a pipe are closed.
func (r *PipeRow) ends(t *proc.Tick) (process.PipeState, error) {
	if state, ok := r.told(t); ok {
		return state, nil
	}
	return pollPipe(r.Uses)
}

// pollPipe polls the first descriptor that may be duplicated. A descriptor opened with O_PATH is no end of the pipe.
func pollPipe(uses []proc.FDUse) (ends process.PipeState, err error) {
	err = fs.ErrNotExist
	for _, u := range uses {
		if u.FD.Access == 0 {
			continue
		}
		if ends, err = process.PollPipe(u.TID(), int(u.FD.Num), u.FD.Dev, u.FD.Ino); err == nil {
			return ends, nil
		}
	}
	return ends, err
}

// openWaits is the reason why an open of a FIFO waits: nobody has the other end (wait_for_partner in fs/pipe.c).
func openWaits(a fdinfo.Access) schema.Value {
	if a == fdinfo.CanRead {
		return schema.String(NoWriters)
	}
	return schema.String(NoReaders)
}

func relatePipes(_ *proc.Tick, objects []*schema.Object, add func(schema.Edge)) {
	for _, o := range objects {
		r := o.Row.(*PipeRow)
		proc.HoldEdges(o.Ref, r.Uses, pipeRel, add)
		proc.WaitEdges(o.Ref, r.Waits, add)
	}
}

// pipeRel is what a process with the descriptor does with the pipe.
func pipeRel(fd *proc.FD) schema.Rel {
	switch fd.Access {
	case fdinfo.CanRead:
		return schema.RelReads
	case fdinfo.CanWrite:
		return schema.RelWrites
	}
	return schema.RelHolds
}

// pipeLabel shows the flow: "dd → cat".
func pipeLabel(o *schema.Object) string {
	r := o.Row.(*PipeRow)
	side := func(v schema.Value) string {
		if e := v.Endpoints(); len(e) > 0 {
			return e[0].Comm
		}
		return "?"
	}
	return side(r.writers) + " → " + side(r.readers)
}
