package proc

import (
	"bytes"
	"cmp"
	"runtime"
	"slices"
	"sync"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/schema"
)

// Process is one process of the walk. Its fields are filled as far as the needs asked.
type Process struct {
	process.ProcStat
	Status      process.ProcStatus
	StatusKnown bool
	Cmdline     []byte // NUL-separated arguments; empty for kernel threads and zombies
	FDCount     int
	FDCountErr  error

	FDs       []FD
	FDErr     error
	Shared    []process.Mapping
	MapsErr   error
	Waits     []Wait
	left      []Wait // of a stopped process: calls that it was in and begins again
	OpensFIFO bool   // a thread waits in the open of a FIFO that cannot be told
	WaitErr   error
	Tasks     []Thread
	TaskErr   error
	// inodes of its namespaces in the order of namespace.Types; 0: not known. The IPC one also where it maps or
	// waits for System V objects
	NS         [8]uint64
	NSErr      error
	liveThread int              // a thread that lives, if the first one has ended
	ended      bool             // while it was read (NeedEveryone): of what it had some may be missing
	Info       map[int32]FDInfo // by descriptor, of those that were asked for
	// CPU time when it was read, in nanoseconds; 0: not known. While it stands still, the process has not run
	Clock int64
}

// Ref is the process as an object: a pid with its start time.
func (p *Process) Ref() schema.Ref {
	return RefOf(&p.ProcStat)
}

// SharedMaps are its shared file mappings (NeedMaps). The error says why they could not be read.
func (p *Process) SharedMaps() ([]process.Mapping, error) { return p.Shared, p.MapsErr }

// RunsAs says whether one of the process's uids is among them.
func (p *Process) RunsAs(uids []uint32) bool {
	return p.StatusKnown && slices.ContainsFunc(p.Status.UID[:],
		func(uid uint32) bool { return slices.Contains(uids, uid) })
}

// walker reads processes, keeping between ticks what cannot have changed: the descriptors and mappings of a process
// whose CPU clock stands still. (A task outside the process that shares its table through CLONE_FILES or CLONE_VM
// could change them; libraries that do so, vfork and posix_spawn among them, do not share the table of descriptors.)
// Names of files are not among it: pathsNow.
type walker struct {
	host     *kernel.Host
	cache    map[int]cached
	risky    mountWatch
	restless bool       // processes came and went too fast to be sure that all were seen
	info     infoDemand // of this tick
	table    *table
}

type cached struct {
	start   uint64
	cpu     int64
	fds     schema.Need // fdNeeds as far as fds holds them
	ns      schema.Need // NeedIPCNS, NeedNamespaces as far as ns holds them
	maps    bool
	waits   bool
	threads bool
	risky   int // descriptors that were passed over: see mountWatch
	proc    *Process
	known   *Process // holds the tables: proc, with those of earlier ticks that this one did not ask for
}

// keep adds what was known and not asked for now: other tabs are looked at in turn.
func (c *cached) keep(old cached) {
	c.known = c.proc
	asked := (c.fds != 0 || old.fds == 0) && (c.maps || !old.maps) && (c.waits || !old.waits) &&
		(c.threads || !old.threads) && (c.ns != 0 || old.ns == 0)
	if old.known == nil || asked {
		return
	}
	all, was := *c.proc, old.known
	if c.fds == 0 {
		all.FDs, all.FDErr, c.fds, c.risky = was.FDs, was.FDErr, old.fds, old.risky
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
		all.NS, all.NSErr, c.ns = was.NS, was.NSErr, old.ns
	}
	c.known = &all
}

// walkNeeds are the needs that make a walk over all processes necessary.
const walkNeeds = NeedProcs | NeedEveryone | NeedStatus | NeedCmdline | NeedFDs | NeedFDModes | NeedFDCount | NeedMaps | NeedSyscall |
	NeedCalls | NeedFDInfo | NeedLocks | NeedFDFiles | NeedTTYs | NsNeeds

// completeNeeds ask for all processes there are, since it counts that nobody else has an object.
const completeNeeds = NeedEveryone

// walk reads every process once. A process that exits meanwhile is left out; that is no fault.
func (w *walker) walk(needs schema.Need, info infoDemand) ([]*Process, error) {
	w.info = info
	pids, err := w.host.PIDs()
	if err != nil {
		return nil, err
	}
	w.risky.refresh(w.host, needs)
	found := make([]*Process, len(pids))
	fresh := make([]cached, len(pids))
	workers := min(4, runtime.GOMAXPROCS(0), 1+len(pids)/64)
	var wg sync.WaitGroup
	for n := range workers {
		wg.Go(func() {
			buf := make([]byte, 32<<10)
			for i := n; i < len(pids); i += workers {
				found[i], fresh[i] = w.process(pids[i], needs, buf)
			}
		})
	}
	wg.Wait()
	if needs&completeNeeds != 0 {
		late, lateCached, err := w.latecomers(pids, found, needs)
		if err != nil {
			return nil, err
		}
		found, fresh = append(found, late...), append(fresh, lateCached...)
	}
	cache := make(map[int]cached, len(pids))
	for _, c := range fresh {
		if c.proc != nil {
			cache[c.proc.PID] = c
		}
	}
	w.cache = cache
	found = slices.DeleteFunc(found, func(p *Process) bool { return p == nil })
	slices.SortFunc(found, func(a, b *Process) int { return cmp.Compare(a.PID, b.PID) }) // pids begin anew at the end
	return found, nil
}

// latecomers reads the processes that were born while the others were read: a child of one that ended before it was
// looked at has, and knows, what that had. Where children of unknown parents still come after some rounds, it says so
// in restless.
func (w *walker) latecomers(pids []int, found []*Process, needs schema.Need) (late []*Process, fresh []cached,
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
			unread = unread || w.host.Live() && process.ProcessExists(pids[i]) // by want of descriptors, say
		case p.PID != 1 && !p.ended: // init takes the children of those that end
			known[p.PID] = true
		}
	}
	buf := make([]byte, 32<<10)
	for range rounds {
		if pids, err = w.host.PIDs(); err != nil {
			return nil, nil, err
		}
		w.restless = false
		for _, pid := range pids {
			if seen[pid] {
				continue
			}
			seen[pid] = true
			p, c := w.process(pid, needs, buf)
			if p == nil {
				w.restless = true // it may have left children
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

// process reads one process; nil if it is gone.
func (w *walker) process(pid int, needs schema.Need, buf []byte) (*Process, cached) {
	dir, err := w.host.OpenProc(pid)
	if err != nil {
		return nil, cached{}
	}
	defer dir.Close()
	cpu, cpuErr := int64(0), error(nil)
	if w.host.Live() {
		// The clock is read before the tables: what happens in between makes the next tick read them again.
		cpu, cpuErr = process.CPUTime(pid)
	}
	text, err := dir.Read("stat", buf)
	if err != nil {
		return nil, cached{}
	}
	p := &Process{}
	if p.ProcStat, err = process.ParseProcStat(text); err != nil {
		return nil, cached{}
	}
	p.PID = pid // whatever a tree of files may say: nothing here would stand two processes of one number
	old, ok := w.cache[pid]
	if !ok || !w.host.Live() || cpuErr != nil || old.start != p.Start || old.cpu != cpu {
		old = cached{}
	}
	dir, end := w.livingDir(p, dir)
	defer end()
	if cpuErr == nil {
		p.Clock = cpu
	}
	w.small(p, dir, needs, buf)
	now := cached{start: p.Start, cpu: cpu, proc: p}
	w.descriptors(p, dir, needs, buf, old, &now)
	w.fdinfo(p, dir, buf)
	w.mappings(p, dir, needs, buf, old, &now)
	w.threads(p, dir, needs, buf, old, &now)
	w.blocked(p, dir, needs, buf, old, &now)
	w.namespaces(p, dir, needs, old, &now)
	now.keep(old)
	p.ended = needs&completeNeeds != 0 && w.hasEnded(p, dir)
	return p, now
}

// hasEnded says whether a process ended while it was read. Who exits gives up all descriptors at once (exit_files in
// kernel/exit.c), and a list of them is cut short without an error.
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
	return err == nil && (st.State == 'Z' || st.State == 'X')
}

// livingDir is where the process's tables are: not in /proc/PID if its first thread has ended before the others,
// which have them still (man 3 pthread_exit). /proc/TID of such a one leads to the same tables.
func (w *walker) livingDir(p *Process, dir process.Dir) (tables process.Dir, end func()) {
	if p.State != 'Z' && p.State != 'X' || p.Gone() {
		return dir, func() {}
	}
	threads, _ := dir.Threads()
	for _, t := range threads {
		if t.State == 'Z' || t.State == 'X' {
			continue
		}
		if other, err := w.host.OpenProc(t.PID); err == nil {
			p.liveThread = t.PID
			return other, other.Close
		}
	}
	return dir, func() {}
}

func (w *walker) small(p *Process, dir process.Dir, needs schema.Need, buf []byte) {
	if needs.Has(NeedStatus) {
		if text, err := dir.Read("status", buf); err == nil {
			p.Status, err = process.ParseProcStatus(text)
			p.StatusKnown = err == nil
		}
	}
	if needs.Has(NeedCmdline) {
		if text, err := dir.Read("cmdline", buf); err == nil {
			p.Cmdline = bytes.Clone(text)
		}
	}
	// Zombies and kernel threads have no descriptors, and their tables are open to root only.
	if needs.Has(NeedFDCount) && !p.Gone() && !p.KernelThread() {
		p.FDCount, p.FDCountErr = dir.FDCount()
	}
}
