package collect

import (
	"bytes"
	"cmp"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/schema"
)

// Process is one process of the walk. Its fields are filled as far as the needs asked.
type Process struct {
	kernel.ProcStat
	Status      kernel.ProcStatus
	StatusKnown bool
	Cmdline     []byte // NUL-separated arguments; empty for kernel threads and zombies
	FDCount     int
	FDCountErr  error

	fds       []FD
	fdErr     error
	shared    []kernel.Mapping
	mapsErr   error
	waits     []wait
	waitErr   error
	threads   []thread
	threadErr error
	ns        [8]uint64 // inodes of its namespaces in the order of kernel.NamespaceTypes; 0: not known. The IPC one also where it maps or waits for System V objects
	nsErr     error
	heir      int              // a thread that lives, if the first one has ended
	info      map[int32]fdInfo // by descriptor, of those that were asked for
	program   programKind      // as far as a verdict asked
	calls     callWidth        // likewise
}

// Ref is the process as an object: a pid with its start time.
func (p *Process) Ref() schema.Ref {
	return schema.Ref{Kind: schema.Proc, ID: uint64(p.PID), Gen: p.Start}
}

// SharedMaps are its shared file mappings (NeedMaps). The error says why they could not be read.
func (p *Process) SharedMaps() ([]kernel.Mapping, error) { return p.shared, p.mapsErr }

// FDKind is what a file descriptor leads to, as far as a mechanism asks.
type FDKind uint8

const (
	FDPipe FDKind = iota + 1
	FDFifo
	FDSocket
	FDNamespace
	FDEventFD
	FDEpoll
	FDSignalFD
	FDTimerFD
	FDInotify
	FDPidFD
	FDIOUring
	FDFile  // any other file with a path (NeedLocks, NeedFDFiles)
	FDPtmx  // a pseudoterminal's master (NeedTTYs)
	FDSlave // a pseudoterminal's slave (NeedTTYs)
)

// FD is one file descriptor on an IPC object. Others are not kept.
type FD struct {
	Num      int32
	Kind     FDKind
	Access   kernel.Access // pipes and FIFOs, if NeedFDModes was asked for; files, if NeedFDFiles was
	Dev, Ino uint64        // 0 for what has no inode of its own
	Path     string        // FIFOs and files: where the process reached it, " (deleted)" behind it if unlinked; namespaces: the type
}

// FileID is a file's device and inode number. Dev is 0 for pipes and sockets.
type FileID struct{ Dev, Ino uint64 }

// Compare orders by device, then inode.
func (a FileID) Compare(b FileID) int {
	return cmp.Or(cmp.Compare(a.Dev, b.Dev), cmp.Compare(a.Ino, b.Ino))
}

// walker reads processes, keeping between ticks what cannot have changed: the descriptors and mappings of a process whose
// CPU clock stands still. (A task outside the process that shares its table through CLONE_FILES or CLONE_VM could change them;
// libraries that do so, vfork and posix_spawn among them, do not share the table of descriptors.) Names of files are not among it: pathsNow.
type walker struct {
	host     *kernel.Host
	cache    map[int]cached
	risky    mountWatch
	restless bool       // processes came and went too fast to be sure that all were seen
	info     infoDemand // of this tick
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
	asked := (c.fds != 0 || old.fds == 0) && (c.maps || !old.maps) && (c.waits || !old.waits) && (c.threads || !old.threads) && (c.ns != 0 || old.ns == 0)
	if old.known == nil || asked {
		return
	}
	all, was := *c.proc, old.known
	if c.fds == 0 {
		all.fds, all.fdErr, c.fds, c.risky = was.fds, was.fdErr, old.fds, old.risky
	}
	if !c.maps {
		all.shared, all.mapsErr, c.maps = was.shared, was.mapsErr, old.maps
	}
	if !c.waits {
		all.waits, all.waitErr, c.waits = was.waits, was.waitErr, old.waits
	}
	if !c.threads {
		all.threads, all.threadErr, c.threads = was.threads, was.threadErr, old.threads
	}
	if c.ns == 0 {
		all.ns, all.nsErr, c.ns = was.ns, was.nsErr, old.ns
	}
	c.known = &all
}

// walkNeeds are the needs that make a walk over all processes necessary.
const walkNeeds = schema.NeedProcs | schema.NeedStatus | schema.NeedCmdline | schema.NeedFDs | schema.NeedFDModes | schema.NeedFDCount | schema.NeedMaps | schema.NeedSyscall |
	schema.NeedCalls | schema.NeedFDInfo | schema.NeedLocks | schema.NeedFDFiles | schema.NeedTTYs | nsNeeds

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
	if needs.Has(schema.NeedVerdict) {
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

// latecomers reads the processes that were born while the others were read: a child of one that ended before it was looked at has, and knows,
// what that had. Where children of unknown parents still come after some rounds, it says so in restless.
func (w *walker) latecomers(pids []int, found []*Process, needs schema.Need) (late []*Process, fresh []cached, err error) {
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
			unread = unread || w.host.Live() && kernel.ProcessExists(pids[i]) // by want of descriptors, say
		case p.PID != 1: // init takes the children of those that end
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
			w.restless = w.restless || !known[p.PPID]
			known[pid] = true
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
		cpu, cpuErr = kernel.CPUTime(pid)
	}
	text, err := dir.Read("stat", buf)
	if err != nil {
		return nil, cached{}
	}
	p := &Process{}
	if p.ProcStat, err = kernel.ParseProcStat(text); err != nil {
		return nil, cached{}
	}
	p.PID = pid // whatever a tree of files may say: nothing here would stand two processes of one number
	old, ok := w.cache[pid]
	if !ok || !w.host.Live() || cpuErr != nil || old.start != p.Start || old.cpu != cpu {
		old = cached{}
	}
	dir, end := w.livingDir(p, dir)
	defer end()
	if old.proc != nil {
		p.program, p.calls = old.proc.program, old.proc.calls
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
	return p, now
}

// livingDir is where the process's tables are: not in /proc/PID if its first thread has ended before the others, which have them still
// (man 3 pthread_exit). /proc/TID of such a one leads to the same tables.
func (w *walker) livingDir(p *Process, dir kernel.ProcDir) (tables kernel.ProcDir, end func()) {
	if p.State != 'Z' && p.State != 'X' || p.gone() {
		return dir, func() {}
	}
	threads, _ := dir.Threads()
	for _, t := range threads {
		if t.State == 'Z' || t.State == 'X' {
			continue
		}
		if other, err := w.host.OpenProc(t.PID); err == nil {
			p.heir = t.PID
			return other, other.Close
		}
	}
	return dir, func() {}
}

func (w *walker) small(p *Process, dir kernel.ProcDir, needs schema.Need, buf []byte) {
	if needs.Has(schema.NeedStatus) {
		if text, err := dir.Read("status", buf); err == nil {
			p.Status, err = kernel.ParseProcStatus(text)
			p.StatusKnown = err == nil
		}
	}
	if needs.Has(schema.NeedCmdline) {
		if text, err := dir.Read("cmdline", buf); err == nil {
			p.Cmdline = bytes.Clone(text)
		}
	}
	// Zombies and kernel threads have no descriptors, and their tables are open to root only.
	if needs.Has(schema.NeedFDCount) && !p.gone() && !p.KernelThread() {
		p.FDCount, p.FDCountErr = dir.FDCount()
	}
}

const fdNeeds = schema.NeedFDs | schema.NeedFDModes | schema.NeedLocks | schema.NeedFDFiles | schema.NeedTTYs

func (w *walker) descriptors(p *Process, dir kernel.ProcDir, needs schema.Need, buf []byte, old cached, now *cached) {
	switch {
	case needs&fdNeeds == 0 || p.KernelThread() || p.gone():
	case old.known != nil && old.fds.Has(needs&fdNeeds):
		p.fds, p.fdErr, now.fds, now.risky = pathsNow(dir, old.known.fds, buf), old.known.fdErr, old.fds, old.risky
	default:
		needs |= old.fds // What others asked for they will ask for again.
		var scan fdScan
		scan.modes, scan.files = needs.Has(schema.NeedFDModes), needs&(schema.NeedLocks|schema.NeedFDFiles) != 0
		scan.fileModes = needs.Has(schema.NeedFDFiles)
		scan.ttys, scan.proc = needs.Has(schema.NeedTTYs), dir
		scan.risky = w.risky.of(dir)
		p.fdErr = dir.FDs(buf, scan.visit)
		if !w.host.Live() { // /proc lists them in ascending order, other file systems in one of their own
			slices.SortFunc(scan.found, func(a, b FD) int { return cmp.Compare(a.Num, b.Num) })
		}
		p.fds, now.fds, now.risky = scan.found, needs&fdNeeds, scan.skipped
	}
	w.risky.skipped.Add(int64(now.risky))
}

// pathsNow gives the descriptors with the paths that lead to them now: others rename and unlink files while their holder sleeps.
func pathsNow(dir kernel.ProcDir, fds []FD, buf []byte) []FD {
	kept := true // the list is the last snapshot's, which does not change any more
	for i := range fds {
		if fds[i].Path == "" || fds[i].Kind == FDNamespace {
			continue
		}
		path, err := dir.FDLink(int(fds[i].Num), buf)
		if err != nil || string(path) == fds[i].Path {
			continue
		}
		if kept {
			fds, kept = slices.Clone(fds), false
		}
		fds[i].Path = string(path)
	}
	return fds
}

// hasName says whether the mapped file may get another name, or none, without the process.
func hasName(m kernel.Mapping) bool { return !strings.HasSuffix(m.Name, deletedSuffix) }

func (w *walker) mappings(p *Process, dir kernel.ProcDir, needs schema.Need, buf []byte, old cached, now *cached) {
	switch {
	case !needs.Has(schema.NeedMaps) || p.KernelThread() || p.gone():
	case old.known != nil && old.maps && !slices.ContainsFunc(old.known.shared, hasName):
		p.shared, p.mapsErr, now.maps = old.known.shared, old.known.mapsErr, true
	default:
		p.shared, p.mapsErr = dir.SharedMaps(buf)
		now.maps = true
	}
}

// fdScan keeps the descriptors that some mechanism asks for.
type fdScan struct {
	modes, files bool // of pipes and FIFOs; of whatever has a path
	fileModes    bool
	ttys         bool
	proc         kernel.ProcDir
	risky        func(path []byte) bool
	found        []FD
	skipped      int // risky ones
}

func (s *fdScan) visit(d *kernel.FDDir, num int, target []byte) {
	switch {
	case len(target) == 0:
	case target[0] == '/':
		s.path(d, num, target)
	case bytes.HasPrefix(target, []byte("socket:[")):
		if ino, ok := kernel.LinkInode(target); ok {
			s.found = append(s.found, FD{Num: int32(num), Kind: FDSocket, Ino: ino})
		}
	case bytes.HasPrefix(target, []byte("pipe:[")):
		s.pipe(d, num, target)
	case anonKind(target) != 0:
		s.found = append(s.found, FD{Num: int32(num), Kind: anonKind(target)})
	default:
		if typ, ino, ok := kernel.ParseNamespaceLink(target); ok {
			s.found = append(s.found, FD{Num: int32(num), Kind: FDNamespace, Ino: ino, Path: typ})
		}
	}
}

func (s *fdScan) pipe(d *kernel.FDDir, num int, target []byte) {
	ino, ok := kernel.LinkInode(target)
	var access kernel.Access
	if s.modes {
		var err error
		access, err = d.Access()
		ok = ok && err == nil
	}
	if ok {
		s.found = append(s.found, FD{Num: int32(num), Kind: FDPipe, Access: access, Ino: ino})
	}
}

// path finds FIFOs and files among the descriptors that lead to a path. That takes a stat of what they
// point at, which a dead server can hang: those below NFS, FUSE and the like are passed over.
func (s *fdScan) path(d *kernel.FDDir, num int, target []byte) {
	tty := s.ttys && mayBeTTY(target)
	if !s.modes && !s.files && !tty {
		return
	}
	if tty && !s.proc.Live() {
		s.found = append(s.found, ttyByName(num, target))
		return
	}
	if s.risky(target) {
		s.skipped++
		return
	}
	id, err := d.Stat(target)
	if err != nil {
		return
	}
	fd := FD{Num: int32(num), Dev: id.Dev, Ino: id.Ino, Path: string(target)}
	switch {
	case tty && s.terminal(&fd, id):
	case s.modes && id.IsFIFO():
		if fd.Access, err = d.Access(); err != nil {
			return
		}
		fd.Kind = FDFifo
	case s.files:
		if s.fileModes {
			if fd.Access, err = d.Access(); err != nil {
				return
			}
		}
		fd.Kind = FDFile
	default:
		return
	}
	s.found = append(s.found, fd)
}

// account remembers which processes refused which source.
func (f *Facts) account() {
	f.unseen = map[string][]*Process{}
	for _, p := range f.procs {
		for source, err := range map[string]error{"fd": p.fdErr, "maps": p.mapsErr, "syscall": cmp.Or(p.waitErr, p.threadErr), "ns": p.nsErr} {
			if kernel.Denied(err) {
				f.unseen[source] = append(f.unseen[source], p)
			}
		}
	}
}

// refusals says of each source how many processes refused it. Maps that were refused hide nothing if every segment's mappings were found.
func (f *Facts) refusals() []schema.Fault {
	advice := "root sees all"
	if kernel.EffectiveUID() == 0 {
		advice = "a security module, a user namespace or a missing capability keeps them from root"
	}
	var faults []schema.Fault
	for _, s := range []struct{ source, what, hides string }{
		{"fd", "file descriptors", "who holds what there is not shown"}, {"maps", "memory maps", "who maps what there is not shown"},
		{"syscall", "system calls", "who waits there is not shown"}, {"ns", "namespaces", "those of theirs alone are not shown"},
	} {
		n := len(f.unseen[s.source])
		if n == 0 || s.source == "maps" && f.mapsFound && f.files == nil || s.source == "ns" && !f.Needs.Has(schema.NeedNamespaces) {
			continue
		}
		faults = append(faults, schema.Fault{Source: s.source, Denied: true, Count: n,
			Says: fmt.Sprintf("the %s of %s could not be read (permission denied): %s; %s", s.what, f.refusers(s.source), s.hides, advice)})
	}
	return faults
}

// refusers names the one process that refused a source, or counts them among those that were asked: kernel threads have but namespaces.
func (f *Facts) refusers(source string) string {
	refused := f.unseen[source]
	if len(refused) == 1 {
		return fmt.Sprintf("process %d/%s", refused[0].PID, refused[0].Comm)
	}
	asked := 0
	for _, p := range f.procs {
		if source == "ns" || !p.KernelThread() {
			asked++
		}
	}
	return fmt.Sprintf("%d of %d processes", len(refused), asked)
}
