package proc

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/task"
	"github.com/ipctop/ipctop/collect/schema"
)

// Process is one process of the walk. Only the fields that the needs ask for are filled.
type Process struct {
	process.ProcStat
	Status      process.ProcStatus
	StatusKnown bool
	Cmdline     []byte // NUL-separated arguments; empty for kernel threads and zombies
	SmallErr    error  // status or cmdline could not be read, though the process lives and nobody refused
	FDCount     int
	FDCountErr  error

	FDs       []FD // those of the process's table first, then those in OwnTables
	FDErr     error
	OwnTables []OwnTable // see owntables.go; with FDs
	OwnErr    error      // the reason why descriptors in OwnTables may be missing
	Shared    []process.Mapping
	MapsErr   error
	Waits     []Wait
	stopped   []Wait // of a stopped process: the calls that it starts again when it continues
	OpensFIFO bool   // a thread waits in the open of a FIFO that cannot be found out
	WaitErr   error
	MemoryErr error // a call's arguments were not read: see process.ErrMemoryServed
	Tasks     []Thread
	TaskErr   error
	// inodes of its namespaces in the order of namespace.Types; 0: not known. The inode of the IPC namespace is also
	// read for a process that maps or waits for System V objects
	NS         [8]uint64
	ThreadNS   []ThreadSpace // see ownspaces.go; with NeedNamespaces
	NSErr      error
	liveThread int // a thread that still lives, if the first one has ended
	// the process ended while it was read (NeedEveryone): some of its tables may be incomplete
	ended bool
	Info  map[FDNum]FDInfo // for the descriptors in infoDemand
	// CPU time before the read, in nanoseconds; 0: not known. A process whose CPU time stays the same has not run
	Clock int64
}

// Ref names the process as an object, by pid and start time.
func (p *Process) Ref() schema.Ref {
	return RefOf(&p.ProcStat)
}

// SharedMaps are the process's shared file mappings (NeedMaps). The error says why they are unreadable.
func (p *Process) SharedMaps() ([]process.Mapping, error) { return p.Shared, p.MapsErr }

// walker reads processes. It keeps the tables of a process until the next tick, if the process has not run since. The
// descriptors and mappings of a process whose CPU clock stands still cannot have changed. There is one exception: a
// task outside the process may share its tables through CLONE_FILES or CLONE_VM. Libraries with such tasks (vfork,
// posix_spawn) do not share the table of descriptors. The names of files can change at any time: see pathsNow.
type walker struct {
	host        *kernel.Host
	cache       map[int]cached
	risky       mountWatch
	restless    bool       // processes came and went too fast: the walk may have missed some
	unread      unread     // processes that could not be read in this tick, though they live
	info        infoDemand // of this tick
	threadTypes nsTypes    // of this tick: see Tick.threadTypes
	table       *table
	self        int // the reader's own pid in /proc
	programs    *sources
	sources     []source    // of this tick
	tasks       *task.Tasks // of this tick; nil: /proc serves
}

// clock is a process's CPU clock in nanoseconds. A walk reads the clocks before the tables. A change of the tables
// after that makes the next tick read them again.
type clock struct {
	time     int64
	switches uint64 // how often its threads left a CPU; 0: not known
	err      error
}

type cached struct {
	start    uint64
	cpu      int64
	switches uint64
	small    schema.Need // the part of smallNeeds that known holds
	fds      schema.Need // the part of fdNeeds that fds holds
	ns       schema.Need // the part of NeedIPCNS and NeedNamespaces that ns holds
	// the types of namespaces that were read of each thread
	threadNS nsTypes
	maps     bool
	waits    bool
	threads  bool
	risky    int // descriptors that were not looked at: see mountWatch
	files    int // all open descriptors, when the tables were read
	proc     *Process
	known    *Process // proc, with the tables of earlier ticks that this tick did not read
	err      error    // why proc is nil, if the process may live
}

// holds reports whether the process has not run since.
func (c *cached) holds(now clock) bool {
	return now.err == nil && c.cpu == now.time &&
		(c.switches == now.switches || c.switches == 0 || now.switches == 0)
}

// keep adds the tables of old that this tick did not read. Tabs need different tables, and users change between tabs.
func (c *cached) keep(old cached) {
	c.known = c.proc
	asked := (c.fds != 0 || old.fds == 0) && (c.maps || !old.maps) && (c.waits || !old.waits) &&
		(c.threads || !old.threads) && (c.ns != 0 || old.ns == 0) && c.small.Has(old.small)
	if old.known == nil || asked {
		return
	}
	all, was := *c.proc, old.known
	if c.fds == 0 {
		all.FDs, all.FDErr, c.fds, c.risky, c.files = was.FDs, was.FDErr, old.fds, old.risky, old.files
		all.OwnTables, all.OwnErr = was.OwnTables, was.OwnErr
	}
	if left := old.small &^ c.small; left != 0 {
		if left.Has(NeedCmdline) {
			all.Cmdline = was.Cmdline
		}
		if left.Has(NeedFDCount) {
			all.FDCount, all.FDCountErr = was.FDCount, was.FDCountErr
		}
		c.small |= left
	}
	if !c.maps {
		all.Shared, all.MapsErr, c.maps = was.Shared, was.MapsErr, old.maps
	}
	if !c.waits {
		all.Waits, all.OpensFIFO, all.WaitErr, c.waits = was.Waits, was.OpensFIFO, was.WaitErr, old.waits
	}
	if !c.threads {
		all.Tasks, all.TaskErr, c.threads = was.Tasks, was.TaskErr, old.threads
	}
	if c.ns == 0 {
		all.NS, all.ThreadNS, all.NSErr, c.ns, c.threadNS = was.NS, was.ThreadNS, was.NSErr, old.ns, old.threadNS
	}
	c.known = &all
}

// walkNeeds are all needs that need a walk over the processes.
const walkNeeds = NeedProcs | NeedEveryone | NeedStatus | NeedCmdline | NeedFDs | NeedFDModes | NeedFDCount |
	NeedMaps | NeedSyscall | NeedCalls | NeedFDInfo | NeedLocks | NeedFDFiles | NeedTTYs | NsNeeds |
	NeedMountNS

// completeNeeds are the needs that need every process: they conclude that no other process has an object.
const completeNeeds = NeedEveryone

// walk reads every process once. It leaves out a process that exits meanwhile; that is no fault.
func (w *walker) walk(needs schema.Need, info infoDemand) ([]*Process, error) {
	w.info, w.unread = info, unread{}
	pids, clocks, err := w.list(needs)
	if err != nil {
		return nil, err
	}
	w.risky.refresh(w.host, needs)
	unread, total := w.reading(pids, clocks, needs)
	w.sources = w.programs.choose(w.host, unread, total, needs&fileNeeds != 0)
	found, fresh := w.readAll(pids, clocks, needs)
	if needs&completeNeeds != 0 {
		var late []*Process
		var lateCached []cached
		late, lateCached, err = w.newProcesses(pids, found, needs)
		found, fresh = append(found, late...), append(fresh, lateCached...)
	}
	cache := make(map[int]cached, len(pids))
	for _, c := range fresh {
		w.unread.add(c.err)
		w.risky.skipped.Add(int64(c.risky))
		if c.proc != nil {
			cache[c.proc.PID] = c
		}
	}
	w.cache = cache
	found = slices.DeleteFunc(found, func(p *Process) bool { return p == nil })
	// pids start again from low numbers after the highest one
	slices.SortFunc(found, func(a, b *Process) int { return cmp.Compare(a.PID, b.PID) })
	return found, err
}

// newProcesses reads the processes that were born during the walk. A child has a copy of its parent's descriptors. So
// the parent must have been read before it ended. If children of unread parents still come after some rounds,
// newProcesses sets restless.
func (w *walker) newProcesses(pids []int, found []*Process, needs schema.Need) (late []*Process, fresh []cached,
	err error) {
	const rounds = 4
	w.restless = false
	unread := false
	seen, known := map[int]bool{}, map[int]bool{}
	for _, pid := range pids {
		seen[pid] = true
	}
	for i, p := range found {
		switch {
		case p == nil:
			// for example because the reader has no descriptors left
			unread = unread || w.host.Live() && process.StillListed(pids[i])
		case p.PID != 1 && !p.ended: // init takes the children of processes that end
			known[p.PID] = true
		}
	}
	for range rounds {
		if pids, err = w.host.PIDs(); err != nil {
			w.restless = true
			return late, fresh, err
		}
		w.restless = false
		pids = slices.DeleteFunc(pids, func(pid int) bool { return seen[pid] })
		if len(pids) == 0 {
			break
		}
		born, read := w.readAll(pids, w.clocks(pids), needs)
		for i, pid := range pids {
			seen[pid] = true
			p, c := born[i], read[i]
			if p == nil {
				w.restless = true // it may have children
				fresh = append(fresh, c)
				continue
			}
			late, fresh = append(late, p), append(fresh, c)
			w.restless = w.restless || p.ended || !known[p.PPID]
			known[pid] = !p.ended
		}
		if !w.restless {
			break
		}
	}
	w.restless = w.restless || unread
	return late, fresh, nil
}

// clocks reads the clocks of processes, in a microsecond each.
func (w *walker) clocks(pids []int) []clock {
	clocks := make([]clock, len(pids))
	if !w.host.Live() {
		return clocks
	}
	for i, pid := range pids {
		if w.tasks != nil {
			if rec, ok := w.tasks.Process(pid); ok {
				clocks[i] = clock{time: rec.Clock(), switches: rec.Switches()}
				continue
			}
		}
		clocks[i].time, clocks[i].err = process.CPUTime(pid)
	}
	return clocks
}

// process reads one process. It returns nil if the process is gone. If the process may live, and could not be read,
// cached has the error.
func (w *walker) process(pid int, cpu clock, needs schema.Need, buf []byte, l *lane) (*Process, cached) {
	if p, now, ok := w.unopened(pid, cpu, needs); ok {
		return p, now
	}
	dir, err := w.host.OpenProc(pid)
	if err != nil {
		return nil, cached{err: failure(err)}
	}
	l.start, dir = 0, dir.In(l.Lane)
	defer dir.Close()
	text, err := dir.Read("stat", buf)
	if err != nil {
		return nil, cached{err: failure(err)}
	}
	p := &Process{}
	if p.ProcStat, err = process.ParseProcStat(text); err != nil {
		return nil, cached{err: err}
	}
	p.PID = pid // even if a file tree says otherwise: two processes must not have the same number
	old, ok := w.cache[pid]
	if !ok || !w.host.Live() || old.start != p.Start || !old.holds(cpu) {
		old = cached{}
	}
	l.start = p.Start
	if needs&memoryNeeds != 0 && w.host.Stalls().Has(pid, p.Start) {
		p.memoryStalls(needs)
		needs &^= memoryNeeds
	}
	dir, end := w.livingDir(p, dir)
	defer end()
	if cpu.err == nil {
		p.Clock = cpu.time
	}
	w.smallFiles(p, dir, needs, buf)
	now := cached{start: p.Start, cpu: cpu.time, switches: cpu.switches, proc: p}
	if cmp.Or(p.SmallErr, p.FDCountErr) == nil {
		now.small = needs & smallNeeds
	}
	w.descriptors(p, dir, needs, buf, old, &now)
	w.fdinfo(p, dir, buf)
	w.mappings(p, dir, needs, buf, old, &now)
	w.threads(p, dir, needs, buf, old, &now)
	w.blocked(p, dir, needs, buf, old, &now)
	if p.MemoryErr = failure(dir.MemoryRefused()); old.known != nil {
		p.MemoryErr = cmp.Or(p.MemoryErr, old.known.MemoryErr)
	}
	w.namespaces(p, dir, needs, buf, old, &now)
	now.keep(old)
	p.ended = needs&completeNeeds != 0 && w.hasEnded(p, dir)
	return p, now
}

// hasEnded reports whether a process ended while it was read. A process that exits closes all descriptors at once
// (exit_files in kernel/exit.c). A list of descriptors then ends early without an error.
func (w *walker) hasEnded(p *Process, dir process.Dir) bool {
	if !w.host.Live() || p.Gone() || p.KernelThread() {
		return false
	}
	if n, err := dir.FDCount(); n > 0 && err == nil {
		return false
	}
	text, err := dir.Read("stat", nil)
	if err != nil {
		return sys.Gone(err)
	}
	st, err := process.ParseProcStat(text)
	return err == nil && zombie(&st)
}

// livingDir returns the directory with the process's tables: see living.go.
func (w *walker) livingDir(p *Process, dir process.Dir) (tables process.Dir, end func()) {
	if tid := livingThread(dir, &p.ProcStat); tid != 0 {
		if other, err := w.host.OpenProc(tid); err == nil {
			p.liveThread = tid
			return other.In(dir.Lane()), other.Close
		}
	}
	return dir, func() {}
}

// smallNeeds are facts of smallFiles that change only while the process runs.
const smallNeeds = NeedCmdline | NeedFDCount

func (w *walker) smallFiles(p *Process, dir process.Dir, needs schema.Need, buf []byte) {
	if needs.Has(NeedStatus) {
		if text, err := dir.Read("status", buf); err == nil {
			p.Status, err = process.ParseProcStatus(text)
			p.StatusKnown = err == nil
		} else {
			p.SmallErr = failure(err)
		}
	}
	if needs.Has(NeedCmdline) {
		if text, err := dir.Read("cmdline", buf); err == nil {
			p.Cmdline = bytes.Clone(text)
		} else {
			p.SmallErr = cmp.Or(p.SmallErr, failure(err))
		}
	}
	// Zombies and kernel threads have no descriptors. Only root can read their tables.
	if needs.Has(NeedFDCount) && !p.Gone() && !p.KernelThread() {
		p.FDCount, p.FDCountErr = dir.FDCount()
	}
}
