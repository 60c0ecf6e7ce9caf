package waits

import (
	"fmt"
	"slices"

	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
)

// The kernel reads the arguments of a call at its start. Another thread may then change the memory of the arguments, or
// give a descriptor's number to another file. A look reads the arguments later. For file locks and semaphores the
// kernel's own lists tell more: /proc/locks, semncnt and semzcnt. For other calls nothing does.

// arguments holds what the graph knows of arguments that may have changed.
type arguments struct {
	shared   map[process.Shared]map[*proc.Process][]*proc.Process // see sharers
	threaded map[*proc.Process]bool                               // see hadThreads
	counts   map[proc.WaitKey]semCounts
	rows     map[relate.Thread][]*kinds.LockRow // the locks of a wait that could be for several
}

func newArguments() arguments {
	return arguments{map[process.Shared]map[*proc.Process][]*proc.Process{}, map[*proc.Process]bool{},
		map[proc.WaitKey]semCounts{}, map[relate.Thread][]*kinds.LockRow{}}
}

// doubtArguments checks a wait that looks stuck, if somebody could have changed the arguments of its call. It reports
// true if it changed the wait:
//
//	the kernel's lists leave several objects: who could end the wait on any of them is an ender
//	several objects are left, but the lists fit what the arguments say now: the wait assumes that nobody changed them
//	the arguments are local variables, or only numbers of descriptors: the same, and a verdict is only possible
//	else: the wait is open
func (g *graph) doubtArguments(p *proc.Process, t *relate.Task) (changed bool) {
	th, w := g.tick.ThreadOf(p, t.TID), &t.Wait
	if th == nil {
		return false
	}
	who := g.changer(p, th)
	switch {
	case who == "":
		return false
	case proc.Locking(th.Syscall):
		return g.doubtLock(p, th, t, who)
	case th.Listed && th.Kind == schema.Sem:
		return g.doubtSemaphore(p, th, t, who)
	case !argumentsOnStack(th):
		w.Open = "what it asked for, which " + who + " may have changed since"
		return true
	case g.sleepsElsewhere(p, th):
		w.Open = "what its descriptor led to, which " + who + " has changed since"
		return true
	}
	g.assume(t, who+" has not changed what the call got")
	w.Changeable = true
	return true
}

// argumentsOnStack reports true if all that the call read from memory is on the stack of its thread. Threads seldom
// change local variables of each other.
func argumentsOnStack(th *proc.Thread) bool {
	return !slices.ContainsFunc(th.Call.Memory(), func(addr uint64) bool { return !th.Call.OnStack(addr) })
}

func (g *graph) assume(t *relate.Task, what string) {
	if t.Wait.Assumes != "" {
		what = t.Wait.Assumes + ", and " + what
	}
	t.Wait.Assumes = what
}

// sleepsElsewhere reports true if the thread sleeps on a pipe and its descriptor leads to something else, or the other
// way round.
func (g *graph) sleepsElsewhere(p *proc.Process, th *proc.Thread) bool {
	fds, ok := th.Call.Transfers()
	if !ok || !g.tick.Host.Live() {
		return false
	}
	fd := p.OpenFD(th.TID, int32(fds[0].FD))
	if fd == nil {
		return true
	}
	dir, err := g.tick.Host.OpenProc(p.Living())
	if err != nil {
		return false
	}
	defer dir.Close()
	onPipe, ok := dir.PipeCall(th.Call)
	return ok && onPipe != (fd.Kind == proc.FDPipe || fd.Kind == proc.FDFifo)
}

// replace gives a wait other enders, on one of several objects.
func (g *graph) replace(t *relate.Task, e wakers, via string) {
	w := &t.Wait
	w.Via, w.Enders, w.Open, w.Assumes, w.On = via, e.enders, e.open, e.assumes, schema.Ref{}
	if g.on[t.Thread] = e.on; len(e.on) == 1 {
		w.On = e.on[0]
	}
}

// doubtLock checks a wait for a file lock. /proc/locks names the process of each request, but not the thread.
func (g *graph) doubtLock(p *proc.Process, th *proc.Thread, t *relate.Task, who string) (changed bool) {
	rows, lines, matched := g.requestedLocks(p, th)
	sleepers := 0
	for i := range p.Tasks {
		if o := &p.Tasks[i]; o.Listed && o.Syscall == th.Syscall && o.Lock.OFD == th.Lock.OFD {
			sleepers++
		}
	}
	switch {
	case lines < sleepers: // a line was hidden, or had not come yet
		t.Wait.Open = "whoever has the lock that it asked for"
		return true
	case len(rows) == 1 && rows[0].Ref == t.Wait.On:
		return false // the kernel leaves no other lock
	case len(rows) > 1 && matched && argumentsOnStack(th):
		g.assume(t, who+" has not changed what the call got")
		return true
	}
	var e wakers
	for _, r := range rows {
		g.or(&e, g.holders(r))
	}
	via := th.Syscall
	if len(rows) > 1 {
		via += fmt.Sprintf(" for one of %d locks", len(rows))
	}
	g.rows[t.Thread] = rows
	g.replace(t, e, via)
	return true
}

// requestedLocks are the locks that a thread could wait for, according to /proc/locks. lines counts the requests for
// them. matched is true if all requests of the process fit the arguments of its threads. A request of an open file
// description (OFD) names no process. Then the requests of all processes with several threads count.
func (g *graph) requestedLocks(p *proc.Process, th *proc.Thread) (rows []*kinds.LockRow, lines int, matched bool) {
	class := "FLOCK"
	if th.Syscall == "fcntl" {
		if class = "POSIX"; th.Lock.OFD {
			class = "OFDLCK"
		}
	}
	matched = true
	for _, o := range g.tick.Objects(schema.Lock) {
		r, before := o.Row.(*kinds.LockRow), lines
		for i := range r.Waiters {
			if l := &r.Waiters[i]; l.Class == class && (l.PID == p.PID || class == "OFDLCK") {
				lines++
			}
		}
		if lines == before {
			continue
		}
		for _, wait := range r.Waits {
			q := g.tick.Process(wait.End.PID)
			switch {
			case wait.End.PID == p.PID:
				matched = matched && wait.End.TID != 0
			case class == "OFDLCK" && q != nil && len(q.Tasks) == 1:
				lines-- // the request of a process whose only thread waits
			}
		}
		if lines > before {
			rows = append(rows, r)
		}
	}
	return rows, lines, matched
}

// semWait is what the kernel counts: a semaphore, and the direction of the wait for it.
type semWait struct {
	num  uint16
	zero bool // for zero (semzcnt), else for a higher value (semncnt)
}

func waitOf(op sysv.SemOp) semWait { return semWait{op.Num, op.Op == 0} }

// doubtSemaphore checks a wait for a semaphore. The kernel counts who waits for each semaphore of a set.
func (g *graph) doubtSemaphore(p *proc.Process, th *proc.Thread, t *relate.Task, who string) (changed bool) {
	key, _ := g.tick.WaitKey(p, &th.Wait)
	o := g.sets()[key]
	if o == nil {
		return false // the wait is open
	}
	r := o.Row.(*kinds.SemRow)
	values := g.content(o.Ref, r).values
	counts, known := g.counts[key]
	if !known {
		counts = g.countWaits(key, values)
		g.counts[key] = counts
	}
	counted := counts.counted
	read, ok := sysv.BlockedOp(th.Ops, values)
	switch {
	case len(counted) == 0:
		t.Wait.Open = "whoever changes what it waits for"
		return true
	case len(counted) == 1 && ok && waitOf(read) == counted[0]:
		return false // the kernel leaves no other semaphore
	case counts.agree && ok && argumentsOnStack(th):
		g.assume(t, who+" has not changed what the call got")
		return true
	}
	var e wakers
	for _, c := range counted {
		op := sysv.SemOp{Num: c.num, Op: -1}
		if c.zero {
			op.Op = 0
		}
		g.or(&e, g.semopOn(p, r, op, values, []schema.Ref{o.Ref}))
	}
	g.ownAffair(p, th, &e)
	via := th.Syscall
	if len(counted) > 1 {
		via += fmt.Sprintf(" on one of %d semaphores", len(counted))
	}
	g.replace(t, e, via)
	return true
}

// semCounts are the semaphores of a set for which the kernel counts waiters. It leaves out those whose waiters have
// arguments that nobody could change. agree is true if the counts fit the arguments of all other waiters.
type semCounts struct {
	counted []semWait
	agree   bool
}

func (g *graph) countWaits(key proc.WaitKey, values []sysv.SemValue) semCounts {
	left, unsure := map[semWait]int{}, map[semWait]int{}
	for i, v := range values {
		left[semWait{uint16(i), false}], left[semWait{uint16(i), true}] = v.NCount, v.ZCount
	}
	for _, w := range g.tick.WaitersOf(key) {
		op, ok := sysv.BlockedOp(w.Ops, values)
		th := g.tick.ThreadOf(w.Process, w.Thread)
		switch {
		case !ok || th == nil:
		case g.changer(w.Process, th) == "":
			left[waitOf(op)]--
		default:
			unsure[waitOf(op)]++
		}
	}
	c := semCounts{agree: true}
	for i := range values {
		for _, s := range []semWait{{uint16(i), false}, {uint16(i), true}} {
			if c.agree = c.agree && left[s] == unsure[s]; left[s] > 0 {
				c.counted = append(c.counted, s)
			}
		}
	}
	return c
}
