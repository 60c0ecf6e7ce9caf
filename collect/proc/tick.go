package proc

import (
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/fdinfo"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/schema"
)

// Ask is what a tick is to gather.
type Ask struct {
	// Want are the kinds to list, each with what its columns need.
	Want map[schema.Kind]schema.Need
	// Extra is needed besides.
	Extra schema.Need
	// Info are descriptor kinds whose fdinfo somebody reads besides the kind itself.
	Info map[schema.Kind]bool
	// AllNamespaces asks for the objects of every namespace, not just of the reader's own.
	AllNamespaces bool
	// Detail is an object whose page is open.
	Detail schema.Ref
	// Grace is the age below which no object is called an orphan.
	Grace time.Duration
}

// Tick is one tick's scratchpad, filled by one walk over /proc whatever the number of mechanisms.
// It never leaves the collector's goroutine.
type Tick struct {
	Ask
	Host  *kernel.Host
	Now   time.Time
	Boot  time.Time   // when the machine started: start times are ticks since then
	Needs schema.Need // the union over all wanted kinds
	Users *Users
	// Nested says that this pid namespace is not the machine's: processes outside are not seen.
	Nested bool
	// Self is the reader's own pid in /proc; 0: it is not in there.
	Self int
	// Hides says that /proc hides processes (hidepid).
	Hides bool
	// Restless says that processes came and went too fast to be sure that all were seen.
	Restless bool
	// Locks are the lines of /proc/locks, read before the walk; LocksErr says why there are none.
	Locks    []fdinfo.HeldLock
	LocksErr error
	// IPCSelf is the inode of the reader's own IPC namespace; 0: not known.
	IPCSelf uint64
	// Kept is what earlier ticks left.
	Kept *Kept
	// Objects lists the objects of another kind, which the asking kind or aspect names in Requires. The driver
	// collects each kind once a tick, whoever asks first.
	Objects func(schema.Kind) []*schema.Object

	table        *table
	walker       *walker
	memos        map[any]any // see Memo
	foundOutside bool        // something is held by a process outside this pid namespace
	procs        []*Process  // in /proc's order: ascending pids
	byPID        map[int]*Process
	mapsFound    bool                  // the mappings that were found make up every segment's nattch
	unseen       map[string][]*Process // by source: processes that refused it
	faults       []schema.Fault
	cpu          map[int]float64 // percent of one CPU by pid since the last tick
	notes        []string
}

// Wants says whether kind was asked for with all of these needs, for all its objects.
func (t *Tick) Wants(kind schema.Kind, n schema.Need) bool { return t.Want[kind].Has(n) }

// WantsFor says whether these needs were asked for this one object: for its kind, or because its page is open.
func (t *Tick) WantsFor(r schema.Ref, n schema.Need) bool {
	return t.Wants(r.Kind, n) || t.Detail == r
}

// Gathered says whether what this object's cells need from the walk was asked for and is there.
func (t *Tick) Gathered(r schema.Ref, n schema.Need) bool { return t.Needs.Has(n) && t.WantsFor(r, n) }

// deviceSet are devices, with whether their pages are huge.
type deviceSet map[uint64]bool

// SegmentDevices are the devices on which this kernel keeps System V segments; none for a file tree.
func (t *Tick) SegmentDevices() map[uint64]bool {
	if !t.Host.Live() {
		return nil
	}
	return Memo(t, func(*Tick) deviceSet { return sysv.SegmentDevices() })
}

// Hangs tells of a process's paths which may lie where a dead server would hang a look: see mountWatch.
func (t *Tick) Hangs(dir process.Dir) func(path []byte) bool { return t.walker.risky.of(dir) }

// Fault reports what could not be read, the same thing once. A nil error is no fault.
func (t *Tick) Fault(source string, err error) {
	if err == nil {
		return
	}
	t.AddFault(schema.Fault{Source: source, Says: err.Error(), Denied: sys.Denied(err)})
}

// AddFault adds a fault that is there once, however often it is told.
func (t *Tick) AddFault(fault schema.Fault) {
	if !slices.Contains(t.faults, fault) {
		t.faults = append(t.faults, fault)
	}
}

// Note adds a sentence on what was not asked for, but is there.
func (t *Tick) Note(says string) { t.notes = append(t.notes, says) }

// FoundOutside notes that a process outside this pid namespace holds something.
func (t *Tick) FoundOutside() { t.foundOutside = true }

// MapsFound says whether the mappings that were found make up every segment's nattch: then maps that were refused
// hide nothing.
func (t *Tick) MapsFound(all bool) { t.mapsFound = all }

// Processes are those that /proc shows, in ascending order of pids. Empty unless NeedProcs was asked for.
func (t *Tick) Processes() []*Process { return t.procs }

// Process finds a living process by pid; nil: not in /proc.
func (t *Tick) Process(pid int) *Process { return t.byPID[pid] }

// Ancestry are this process and its ancestors: the shell, the terminal and whatever started ipctop.
func (t *Tick) Ancestry() []*Process {
	var line []*Process
	for p := t.Process(t.Self); p != nil && !slices.Contains(line, p); p = t.Process(p.PPID) {
		line = append(line, p)
	}
	return line
}

// Unseen is how many processes refused that source ("fd", "maps", "syscall"). Those that /proc hides count as one more.
func (t *Tick) Unseen(source string) int {
	n := len(t.unseen[source])
	if t.Hides {
		n++
	}
	return n
}

// Endpoint names a process at one end of an object.
func (t *Tick) Endpoint(p *Process, fd int, mode string) schema.Endpoint {
	return schema.Endpoint{PID: p.PID, Comm: p.Comm, FD: fd, Mode: mode, Start: p.Start}
}

// StartTime turns a start in clock ticks since boot into a moment; the zero time where the time of the boot is not
// known.
func (t *Tick) StartTime(ticks uint64) time.Time {
	if t.Boot.IsZero() {
		return time.Time{}
	}
	return startTime(t.Boot, ticks)
}

// PID turns a pid that the kernel recorded into a cell: 0 stands for a process outside the reader's pid namespace, or
// for nobody.
func PID(pid int) schema.Value {
	if pid == 0 {
		return schema.None(schema.TypeInt)
	}
	return schema.Int(int64(pid))
}

// Age is how long ago a moment in Unix seconds was.
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

// CreatorState is StateSince for a process of the walk. Later changes of ctime (IPC_SET) can only hide a reuse.
func (t *Tick) CreatorState(pid int, sec int64) string {
	if pid == 0 {
		return CreatorOutside
	}
	p := t.Process(pid)
	switch {
	case t.OtherPIDs():
		return CreatorUnknown
	case p == nil && t.Host.Live() && process.ProcessExists(pid):
		return CreatorUnknown
	case p == nil:
		return CreatorDead
	}
	return stateSince(&p.ProcStat, t.Boot, sec)
}

// StartDoubt is by how much a process may seem younger than what it did: the kernel cuts the moments of System V
// objects to seconds, of a clock that only timer ticks move on (ktime_get_real_seconds, kernel/time/timekeeping.c),
// and start times to clock ticks.
const StartDoubt = time.Second + 100*time.Millisecond

// StartedAfter says whether a process that started then is younger than the moment sec (Unix seconds, truncated by
// the kernel): then it is not the one that the kernel recorded at that moment.
func StartedAfter(start time.Time, sec int64) bool {
	return start.After(time.Unix(sec, 0).Add(StartDoubt))
}

// OtherPIDs says whether /proc is of another pid namespace than the reader's (unshare --pid without --mount-proc), or
// not one: the pids that calls tell are not those in it.
func (t *Tick) OtherPIDs() bool { return t.Host.Live() && len(t.procs) > 0 && t.Self != os.Getpid() }

// FDUse is a process's descriptor on an object.
type FDUse struct {
	Process *Process
	FD      *FD
}

type fdTarget struct {
	Kind FDKind
	Dev  uint64 // 0 for pipes and sockets, whose inode numbers are unique on the machine
	Ino  uint64
}

// FDUses lists who has the object open. Processes that could not be looked into are missing: see Unseen("fd").
func (t *Tick) FDUses(kind FDKind, dev, ino uint64) []FDUse {
	return Memo(t, indexFDs)[fdTarget{kind, dev, ino}]
}

// Targets lists the distinct objects of a kind of descriptors that some process has open, by device and inode.
func (tick *Tick) Targets(kind FDKind) []FileID {
	var ids []FileID
	for t := range Memo(tick, indexFDs) {
		if t.Kind == kind {
			ids = append(ids, FileID{t.Dev, t.Ino})
		}
	}
	slices.SortFunc(ids, FileID.Compare)
	return ids
}

// fdIndex are the descriptors of all processes by what they lead to.
type fdIndex map[fdTarget][]FDUse

func indexFDs(tick *Tick) fdIndex {
	index := fdIndex{}
	for _, p := range tick.procs {
		for i := range p.FDs {
			fd := &p.FDs[i]
			t := fdTarget{fd.Kind, fd.Dev, fd.Ino}
			index[t] = append(index[t], FDUse{p, fd})
		}
	}
	return index
}

// Holders turns descriptors into a cell: one endpoint per descriptor that passes. Where processes refused to be
// looked into, the cell is partial, or denied if nobody was found.
func (t *Tick) Holders(uses []FDUse, pass func(*FD) bool) schema.Value {
	var ends []schema.Endpoint
	for _, u := range uses {
		if pass == nil || pass(u.FD) {
			ends = append(ends, t.Endpoint(u.Process, int(u.FD.Num), u.FD.Access.String()))
		}
	}
	return schema.Endpoints(ends, t.Unseen("fd") > 0)
}

// HoldEdges gives an edge from each process that has the object open.
func (t *Tick) HoldEdges(to schema.Ref, uses []FDUse, rel func(*FD) schema.Rel) []schema.Edge {
	edges := make([]schema.Edge, 0, len(uses))
	for _, u := range uses {
		edges = append(edges, schema.Edge{From: u.Process.Ref(), To: to, Rel: rel(u.FD), Via: fmt.Sprintf("fd %d", u.FD.Num),
			Proof: schema.Observed})
	}
	return edges
}
