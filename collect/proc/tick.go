package proc

import (
	"errors"
	"os"
	"slices"
	"time"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/account"
	"github.com/ipctop/ipctop/collect/kernel/fdinfo"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/schema"
)

// Ask says what a tick has to gather.
type Ask struct {
	// Want lists the wanted kinds, each with the needs of its columns.
	Want map[schema.Kind]schema.Need
	// Extra are needs besides those in Want.
	Extra schema.Need
	// Info lists the descriptor kinds whose fdinfo other readers need than the kind itself.
	Info map[schema.Kind]bool
	// AllNamespaces asks for the objects of every namespace. Otherwise only the reader's own namespaces count.
	AllNamespaces bool
	// Detail is the object whose page is open.
	Detail schema.Ref
	// Grace is the youngest age of an orphan.
	Grace time.Duration
}

// Tick holds the facts of one tick. One walk over /proc fills it, for any number of mechanisms. It never leaves the
// collector's goroutine.
type Tick struct {
	Ask
	Host  *kernel.Host
	Now   time.Time
	Boot  time.Time   // when the machine started: start times count clock ticks since then
	Needs schema.Need // the union over all wanted kinds
	Users *account.Users
	// Nested is true if this pid namespace is not the machine's first. Processes outside are then not visible.
	Nested bool
	// Self is the reader's own pid in /proc. 0 means that the reader is not in /proc.
	Self int
	// Hides is true if /proc hides processes (hidepid).
	Hides bool
	// Restless is true if processes came and went too fast: the walk may have missed some.
	Restless bool
	// Locks are the lines of /proc/locks, read before the walk. LocksErr is the error of reading them.
	Locks    []fdinfo.HeldLock
	LocksErr error
	// IPCSelf is the inode of the reader's own IPC namespace. 0 means unknown.
	IPCSelf uint64
	// Kept holds the results of earlier ticks.
	Kept *Kept
	// Objects lists the objects of another kind. The caller's kind or aspect must name that kind in Requires. The
	// driver collects each kind once a tick, at the first call.
	Objects func(schema.Kind) []*schema.Object

	table        *table
	walker       *walker
	memos        map[any]any       // see Memo
	ends         []schema.Endpoint // see endpointRoom
	foundOutside bool              // a process outside this pid namespace holds an object
	walkFailed   bool              // /proc could not be listed
	unread       unread
	procs        []*Process // in ascending order of pids, as in /proc
	byPID        map[int]*Process
	mapsFound    bool               // the mappings that were found explain the nattch of every segment
	unseen       map[string]*unseen // by source: the processes whose part of the source could not be read
	faults       []schema.Fault
	cpu          map[int]float64 // percent of one CPU by pid since the last tick
	notes        []string
}

// Wants reports whether all of these needs are wanted for all objects of the kind.
func (t *Tick) Wants(kind schema.Kind, n schema.Need) bool { return t.Want[kind].Has(n) }

// WantsFor reports whether these needs are wanted for this object: for its kind, or because its page is open.
func (t *Tick) WantsFor(r schema.Ref, n schema.Need) bool {
	return t.Wants(r.Kind, n) || t.Detail == r
}

// Gathered reports whether these needs of the object are wanted, and the walk has read them.
func (t *Tick) Gathered(r schema.Ref, n schema.Need) bool { return t.Needs.Has(n) && t.WantsFor(r, n) }

// deviceSet maps each device to whether it has huge pages.
type deviceSet map[uint64]bool

// SegmentDevices lists the devices on which this kernel keeps System V segments. It is nil for a file tree.
func (t *Tick) SegmentDevices() map[uint64]bool {
	if !t.Host.Live() {
		return nil
	}
	return Memo(t, func(*Tick) deviceSet { return sysv.SegmentDevices() })
}

// Hangs returns a test for one process's paths. The test is true where a dead server could block a stat: see
// mountWatch.
func (t *Tick) Hangs(dir process.Dir) func(path []byte) bool { return t.walker.risky.of(dir) }

// Fault adds an error to the faults of the tick, the same error only once. A nil error is no fault.
func (t *Tick) Fault(source string, err error) {
	if err == nil {
		return
	}
	denied := sys.Denied(err)
	absent := errors.Is(err, sys.ErrNotLive) || !t.Host.Live() && sys.Gone(err) // a file that the tree does not have
	t.AddFault(schema.Fault{Source: source, Says: err.Error(), Denied: denied, Failed: !denied && !absent})
}

// AddFault adds a fault, the same fault only once.
func (t *Tick) AddFault(fault schema.Fault) {
	if !slices.Contains(t.faults, fault) {
		t.faults = append(t.faults, fault)
	}
}

// Note adds a sentence about objects that exist but that nobody asked for.
func (t *Tick) Note(says string) { t.notes = append(t.notes, says) }

// FoundOutside notes that a process outside this pid namespace holds something.
func (t *Tick) FoundOutside() { t.foundOutside = true }

// MapsFound records whether the found mappings explain the nattch of every segment. If they do, refused maps hide
// nothing.
func (t *Tick) MapsFound(all bool) { t.mapsFound = all }

// Processes lists the processes in /proc, in ascending order of pids. It is empty without NeedProcs.
func (t *Tick) Processes() []*Process { return t.procs }

// Process finds a living process by pid. nil means that /proc does not have it.
func (t *Tick) Process(pid int) *Process { return t.byPID[pid] }

// Ancestry lists this process and its ancestors: the shell, the terminal and so on.
func (t *Tick) Ancestry() []*Process {
	var line []*Process
	for p := t.Process(t.Self); p != nil && !slices.Contains(line, p); p = t.Process(p.PPID) {
		line = append(line, p)
	}
	return line
}

// Unseen counts the processes whose part of the source ("fd", "maps", "syscall") could not be read. All processes that
// /proc hides count as one more.
func (t *Tick) Unseen(source string) int {
	n := t.Unread()
	if s := t.unseen[source]; s != nil {
		n += len(s.denied) + len(s.failed)
	}
	if t.Hides {
		n++
	}
	return n
}

// Endpoint names a process at one end of an object.
func (t *Tick) Endpoint(p *Process, fd int, mode string) schema.Endpoint {
	return schema.Endpoint{PID: p.PID, Comm: p.Comm, FD: fd, Mode: mode, Start: p.Start}
}

// UseEndpoint names a descriptor at one end of an object.
func (t *Tick) UseEndpoint(u FDUse, mode string) schema.Endpoint {
	e := t.Endpoint(u.Process, int(u.FD.Num), mode)
	e.TID = u.OwnThread()
	return e
}

// StartTime turns a start in clock ticks since boot into a time. It is the zero time if the time of the boot is not
// known.
func (t *Tick) StartTime(ticks uint64) time.Time {
	if t.Boot.IsZero() {
		return time.Time{}
	}
	return startTime(t.Boot, ticks)
}

// PID turns a pid that the kernel recorded into a cell. 0 means a process outside the reader's pid namespace, or no
// process.
func PID(pid int) schema.Value {
	if pid == 0 {
		return schema.None(schema.TypeInt)
	}
	return schema.Int(int64(pid))
}

// Age is the time since sec, in Unix seconds.
func (t *Tick) Age(sec int64) schema.Value {
	if sec == 0 {
		return schema.None(schema.TypeDuration)
	}
	return schema.Duration(max(0, t.Now.Sub(time.Unix(sec, 0))).Truncate(time.Second))
}

// The words of creator_state.
const (
	CreatorAlive   = "alive"
	CreatorDead    = "dead"
	CreatorReused  = "reused"  // the pid belongs to a younger process
	CreatorOutside = "outside" // not in this pid namespace
	CreatorUnknown = "unknown" // /proc may hide it
)

// CreatorState is StateSince for a process of the walk. A later change of ctime (IPC_SET) can only hide a reuse.
func (t *Tick) CreatorState(pid int, sec int64) string {
	if pid == 0 {
		return CreatorOutside
	}
	p := t.Process(pid)
	switch {
	case t.OtherPIDs():
		return CreatorUnknown
	case p == nil:
		return hiddenState(t.Host, pid)
	}
	return stateSince(&p.ProcStat, t.Boot, sec)
}

// StartDoubt is the error of the comparison of a start time with the time of an object. The kernel cuts the times of
// System V objects to seconds, and that clock moves only at timer ticks (ktime_get_real_seconds,
// kernel/time/timekeeping.c). The kernel cuts start times to clock ticks.
const StartDoubt = time.Second + 100*time.Millisecond

// StartedAfter reports whether a process with that start is younger than sec (Unix seconds, cut by the kernel). If it
// is, it is not the process that the kernel recorded at sec.
func StartedAfter(start time.Time, sec int64) bool {
	return start.After(time.Unix(sec, 0).Add(StartDoubt))
}

// OtherPIDs reports whether /proc belongs to another pid namespace than the reader's, or is no real /proc. An example
// is unshare --pid without --mount-proc. The pids from system calls then do not match those in /proc.
func (t *Tick) OtherPIDs() bool { return t.Host.Live() && len(t.procs) > 0 && t.Self != os.Getpid() }

// Holders turns descriptors into a cell: each descriptor that passes is one endpoint. If processes refused to show
// their descriptors, the cell is partial, or denied if it would be empty.
func (t *Tick) Holders(uses []FDUse, pass func(*FD) bool) schema.Value {
	n := len(uses)
	if pass != nil {
		n = 0
		for _, u := range uses {
			if pass(u.FD) {
				n++
			}
		}
	}
	ends := t.endpointRoom(n)
	for _, u := range uses {
		if pass == nil || pass(u.FD) {
			ends = append(ends, t.UseEndpoint(u, u.FD.Access.String()))
		}
	}
	return schema.Endpoints(ends, t.Unseen("fd") > 0)
}

// endpointRoom is an empty list with room for n endpoints. Most lists of a snapshot have one endpoint: they share
// memory, so that tens of thousands need few allocations.
func (t *Tick) endpointRoom(n int) []schema.Endpoint {
	const most = 512
	if n > cap(t.ends)-len(t.ends) {
		t.ends = make([]schema.Endpoint, 0, max(n, 8, min(most, 2*cap(t.ends))))
	}
	begin := len(t.ends)
	t.ends = t.ends[:begin+n]
	return t.ends[begin : begin : begin+n]
}

// HoldEdges adds an edge from each process that has the object open.
func HoldEdges(to schema.Ref, uses []FDUse, rel func(*FD) schema.Rel, add func(schema.Edge)) {
	for _, u := range uses {
		add(schema.Edge{From: u.Process.Ref(), To: to, Rel: rel(u.FD),
			Via: schema.OnFD(int(u.FD.Num), u.OwnThread()), Proof: schema.Observed})
	}
}

// JustHolds is the relation of a descriptor that neither reads nor writes alone.
func JustHolds(*FD) schema.Rel { return schema.RelHolds }
