package proc

import (
	"errors"
	"slices"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/task"
	"github.com/ipctop/ipctop/collect/schema"
)

// The second program of BPF lists all threads: package task. A process that has not run since an earlier tick then
// costs no file of /proc. Its record has what may change meanwhile (its state, its parent, its memory), and the walk
// keeps the rest. Of other processes the records tell the namespaces and the calls of their threads.

// taskProgram holds the program between ticks, and why there is none.
type taskProgram struct {
	reader *task.Reader
	err    error
}

// Costs in nanoseconds of CPU, measured like those of descriptors.
const (
	procPerProcess = 15000 // open, stat and the CPU clock
	procPerCall    = 30000 // the list of threads, and of one thread the call and the count of sleeps
	bpfPerThread   = 2000
	bpfTaskLoading = 6e6
	laterTicks     = 4 // a later tick will not be the last one
)

// callNeeds are the needs whose threads the records save.
const callNeeds = NeedSyscall | NeedCalls

// readTasks reads the tasks if that costs less than /proc. kept is the number of processes that earlier ticks read,
// all is the number of processes. nil: /proc serves.
func (s *sources) readTasks(h *kernel.Host, needs schema.Need, kept, all int) *task.Tasks {
	saved, cost := laterTicks*procPerProcess*kept, laterTicks*bpfPerThread*all
	if needs&callNeeds != 0 {
		saved += procPerCall * all
	}
	if s.tasks.reader == nil {
		cost += bpfTaskLoading
	}
	p := &s.tasks
	if !h.Live() || saved == 0 || s.forced == FromProc || p.err != nil || s.forced != FromBPF && saved < cost {
		return nil
	}
	if p.open(h); p.err != nil {
		return nil
	}
	tasks, err := p.reader.Read()
	if p.err = err; err != nil {
		return nil
	}
	return tasks
}

// open loads the program at the first need, for a reader that may see all processes.
func (p *taskProgram) open(h *kernel.Host) {
	if p.reader != nil || p.err != nil {
		return
	}
	if p.err = mayShowAsProc(); p.err != nil {
		return
	}
	if p.reader, p.err = task.Open(h.Root); p.err == nil && p.reader.Lacks()&^task.IDs != 0 {
		p.err = errLacksFacts
		p.reader.Close()
	}
}

var errLacksFacts = errors.New("this kernel does not tell all of a task")

// list lists the processes, and their clocks.
func (w *walker) list(needs schema.Need) (pids []int, clocks []clock, err error) {
	all := len(w.cache)
	if all == 0 {
		if pids, err = w.host.PIDs(); err != nil {
			return nil, nil, err
		}
		all = len(pids)
	}
	w.tasks = w.programs.readTasks(w.host, needs, len(w.cache), all)
	switch {
	case w.tasks != nil:
		pids = w.tasks.PIDs()
	case pids == nil:
		if pids, err = w.host.PIDs(); err != nil {
			return nil, nil, err
		}
	}
	return pids, w.clocks(pids), nil
}

// record is what the program told of a process that the walk has read. ok is false if it told nothing, or of another
// process with the same number.
func (w *walker) record(p *Process) (rec task.Process, ok bool) {
	if w.tasks == nil {
		return rec, false
	}
	rec, ok = w.tasks.Process(p.PID)
	return rec, ok && rec.Whole() && rec.Start() == p.Start
}

// unopened reads a process that has not run since an earlier tick, if no file of it is needed. ok is false if some file
// is.
func (w *walker) unopened(pid int, cpu clock, needs schema.Need) (p *Process, now cached, ok bool) {
	old, kept := w.cache[pid]
	if w.tasks == nil || !kept || old.known == nil || !old.holds(cpu) || w.host.Stalls().Has(pid, old.start) {
		return nil, now, false
	}
	p = &Process{ProcStat: process.ProcStat{PID: pid, Start: old.start}}
	rec, ok := w.record(p)
	if !ok || rec.Shares() {
		return nil, now, false
	}
	p.ProcStat, p.Clock = rec.StatAfter(&old.known.ProcStat), cpu.time
	if i := rec.Living(); i > 0 {
		t := rec.Thread(i)
		p.State, p.RSS, p.liveThread = t.State(), t.RSS(), t.TID()
	}
	if _, inSpaces := w.space(p, ipcType); !inSpaces && !p.Gone() || !w.keeps(p, &old, needs) {
		return nil, now, false
	}
	if needs.Has(NeedStatus) {
		if p.Status, p.StatusKnown = rec.Status(); !p.StatusKnown {
			return nil, now, false
		}
	}
	now = cached{start: p.Start, cpu: cpu.time, switches: cpu.switches, proc: p}
	was := old.known
	if now.small = needs & smallNeeds; needs.Has(NeedCmdline) {
		p.Cmdline = was.Cmdline
	}
	if needs.Has(NeedFDCount) {
		p.FDCount, p.FDCountErr = was.FDCount, was.FDCountErr
	}
	none := process.Unopened(pid)
	w.descriptors(p, none, needs, nil, old, &now)
	w.mappings(p, none, needs, nil, old, &now)
	w.threads(p, none, needs, nil, old, &now)
	w.blocked(p, none, needs, nil, old, &now)
	p.MemoryErr = was.MemoryErr
	w.namespaces(p, none, needs, nil, old, &now)
	now.keep(old)
	return p, now, true
}

// keeps reports whether an earlier tick read all tables of the process that this tick needs, and none can have changed
// by another process.
func (w *walker) keeps(p *Process, old *cached, needs schema.Need) bool {
	known, has := old.known, p.hasTables()
	moved := func(fd FD) bool { return fd.Path != "" && fd.Kind != FDNamespace || w.info.wants(&fd) }
	switch {
	case !old.small.Has(needs & smallNeeds):
	case has && needs&fdNeeds != 0 && (!old.fds.Has(needs&fdNeeds) || slices.ContainsFunc(known.FDs, moved)):
	case has && needs.Has(NeedMaps) && (!old.maps || slices.ContainsFunc(known.Shared, hasName)):
	case has && needs.Has(NeedCalls) && (!old.threads || !sameThreads(p, known)):
	case has && needs.Has(NeedSyscall) && (p.State == 'T' || p.State == 't' || !needs.Has(NeedCalls) && !old.waits):
	case needs&(NsNeeds|NeedMountNS) != 0 && !p.Gone() &&
		(!old.ns.Has(needs&(NsNeeds|NeedMountNS)) || old.threadNS&w.threadTypes != w.threadTypes):
	default:
		return true
	}
	return false
}

// hasTables reports whether the process has descriptors, mappings and calls.
func (p *Process) hasTables() bool { return !p.KernelThread() && !p.Gone() }

// space is the inode of the namespace of a process, from its record. i is the place of its type in namespace.Types.
func (w *walker) space(p *Process, i int) (ino uint64, ok bool) {
	rec, ok := w.record(p)
	if !ok {
		return 0, false
	}
	ino = rec.Thread(rec.Living()).Namespaces()[i]
	return ino, ino != 0
}

// calls are the threads of a process with their calls, from its record. The memory that a call points to is read now.
// So ok is false if the process has run since the record: then both may not belong together.
func (w *walker) calls(p *Process, visit func(task.Thread)) (ok bool) {
	rec, ok := w.record(p)
	if !ok {
		return false
	}
	for i := range rec.Threads() {
		visit(rec.Thread(i))
	}
	now, err := process.CPUTime(p.PID)
	return err == nil && now == rec.Clock()
}
