package proc

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/account"
	"github.com/ipctop/ipctop/collect/kernel/namespace"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/scan"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/vfs"
	"github.com/ipctop/ipctop/collect/schema"
)

// Begin starts a tick: it finds the reader's own pid and namespaces, and reads the processes as far as ask needs
// them. rows are the descriptor kinds. kept holds the results of earlier ticks of this Host. took is the time of the
// walk. walked is false when no walk was needed.
func Begin(host *kernel.Host, rows []Descriptor, kept *Kept, now time.Time, ask Ask) (t *Tick, took time.Duration,
	walked bool) {
	t = &Tick{Host: host, Ask: ask, Now: now, Kept: kept, table: newTable(rows),
		Users:  *Keep(kept, func() *account.Users { return account.NewUsers(host.Live()) }),
		walker: *Keep(kept, func() *walker { return &walker{host: host} })}
	kept.nextTick()
	t.walker.sources, t.walker.tasks = nil, nil // those of the last tick
	t.walker.programs = Keep(kept, func() sources { return sources{} })
	t.identify()
	t.Needs = ask.Extra
	for _, n := range ask.Want {
		t.Needs |= n
	}
	t.Needs |= t.namespaceNeeds()
	if t.Needs&walkNeeds == 0 {
		return t, 0, false
	}
	begin := time.Now()
	t.walk()
	return t, time.Since(begin), true
}

// identify finds the reader's own pid and namespaces, and the time of the boot.
func (t *Tick) identify() {
	t.IPCSelf, _ = t.Host.SelfNamespace("ipc")
	if pidNS, err := t.Host.SelfNamespace("pid"); err == nil && t.Host.Live() {
		t.Nested = pidNS != namespace.InitialPID
	}
	if t.Host.Live() {
		t.Self = process.SelfPID()
	}
	boot, err := bootTime(t.Host)
	t.Fault("boot time", err)
	t.Boot = boot
}

func bootTime(host *kernel.Host) (time.Time, error) {
	if host.Live() {
		return sys.BootTime()
	}
	text, err := host.ReadFile("/proc/stat")
	if err != nil {
		return time.Time{}, fmt.Errorf("read when the machine started: %w", err)
	}
	seconds := uint64(0)
	for line := range bytes.Lines(text) {
		if f := (scan.Fields{Rest: line}); string(f.Next()) == "btime" {
			seconds = f.Uint()
		}
	}
	if seconds == 0 || seconds > math.MaxInt64 {
		return time.Time{}, errors.New("/proc/stat does not say when the machine started: no start times, " +
			"and no telling whether a pid was reused")
	}
	return time.Unix(int64(seconds), 0), nil
}

// walk reads the processes. The locks come first: the walk looks for descriptors on the locked files.
func (t *Tick) walk() {
	if t.Needs.Has(NeedLocks) {
		t.Locks, t.LocksErr = t.Host.Locks()
	}
	t.walker.self = t.Self
	t.walker.table, t.walker.threadTypes = t.table, t.threadTypes()
	procs, err := t.walker.walk(t.Needs, t.infoDemand())
	t.Fault("processes", err)
	if s := t.walker.programs; s.forced == FromBPF && s.err != nil {
		t.Note(fmt.Sprintf("BPF was asked for, and /proc served: %v", s.err))
	}
	t.walkFailed, t.unread = err != nil, t.walker.unread
	t.procs, t.Restless = procs, t.walker.restless
	t.byPID = make(map[int]*Process, len(procs))
	for _, p := range procs {
		t.byPID[p.PID] = p
	}
	if t.sleepsUnlisted() { // it went to sleep after the locks were read
		t.Locks, t.LocksErr = t.Host.Locks()
	}
	t.recordRefusals()
	if n := t.walker.risky.skipped.Load(); n > 0 {
		where, err := "below network or FUSE mounts", t.walker.risky.err
		if err != nil {
			where = fmt.Sprintf("on mounts that could not be read (%s)", causeOf(err))
		}
		t.faults = append(t.faults, schema.Fault{Source: "fd", Count: int(n), Failed: err != nil,
			Says: fmt.Sprintf("%d file descriptors %s were not looked at, where a dead server would "+
				"hang the scan: FIFOs and who holds locks there are not shown", n, where)})
	}
	if t.Hides = hidden(t); t.Hides {
		t.faults = append(t.faults, schema.Fault{Source: "processes", Denied: true,
			Says: "/proc is mounted with hidepid: other users' processes are not shown; " +
				"root with CAP_SYS_PTRACE sees all"})
	}
	t.cpu = (*Keep(t.Kept, func() *cpuMeter { return &cpuMeter{} })).measure(t.Now, procs)
}

// hidepid remembers whether /proc hides other users' processes. A mount option does not change by itself.
type hidepid struct{ known, hides bool }

// hidden reports whether /proc is mounted with hidepid=1, 2, noaccess, invisible or ptraceable (man 5 proc).
func hidden(t *Tick) bool {
	h := Keep(t.Kept, func() hidepid { return hidepid{} })
	if h.known || !t.Host.Live() {
		return h.hides
	}
	mounts, err := vfs.OwnMounts()
	if err != nil {
		t.Fault("processes", fmt.Errorf("whether /proc hides other users' processes is not known: %w", err))
		return false
	}
	h.known = true
	for _, m := range mounts {
		if m.Point == "/proc" {
			v, has := vfs.Option(m.SuperOptions, "hidepid")
			h.hides = has && v != "0" && v != "off" && !sys.MayTraceAll()
		}
	}
	return h.hides
}

// Report returns the faults and the notes of the tick. Refused sources come first among the faults.
func (t *Tick) Report() (faults []schema.Fault, notes []string) {
	if t.foundOutside {
		t.Note("processes outside this pid namespace are not seen: what nobody in it holds, somebody outside may hold")
	}
	return append(t.refusals(), t.faults...), t.notes
}
