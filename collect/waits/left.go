package waits

import (
	"slices"
	"syscall"

	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
)

// Waits for what a process that is gone has taken and not given back.

// knownUsers are the processes that a set names: its waiters, and those that changed its semaphores last.
func (g *graph) knownUsers(r *kinds.SemRow, values []sysv.SemValue) map[*proc.Process]bool {
	users := map[*proc.Process]bool{}
	for _, w := range g.tick.WaitersOf(proc.WaitKey{Kind: schema.Sem, Dev: r.Owners.Place.Space, ID: uint64(r.ID)}) {
		users[w.Process] = true
	}
	for _, v := range values {
		if q := g.tick.Process(int(v.Pid)); q != nil && !g.tick.OtherPIDs() {
			users[q] = true
		}
	}
	return users
}

// sameProgram reports true if two processes run one program, or if that could not be read.
func (g *graph) sameProgram(p, q *proc.Process) bool {
	exe, other := g.program(p), g.program(q)
	return exe == "" || other == "" || exe == other
}

// allWaitIn reports true if each of some processes has one thread, which waits for the object.
func (g *graph) allWaitIn(key proc.WaitKey, list []*proc.Process) bool {
	waits := map[*proc.Process]bool{}
	for _, w := range g.tick.WaitersOf(key) {
		waits[w.Process] = true
	}
	return !slices.ContainsFunc(list, func(q *proc.Process) bool { return len(q.Tasks) != 1 || !waits[q] })
}

// addOpeners adds the processes that have the file of a named semaphore open. They can map it at any time.
//
// The enders of a named semaphore are weak: a process that maps a lock need not hold it. So two processes that wait for
// one semaphore are no deadlock.
func (g *graph) addOpeners(key proc.WaitKey, m *mapping) {
	for _, n := range useEnders(g.tick.FDUses(proc.FDFile, key.Dev, key.ID), nil, "has it open") {
		if !slices.ContainsFunc(m.enders, func(e relate.Ender) bool { return e.Proc == n.Proc }) {
			n.Proof, m.allWait = schema.Inferred, false
			m.enders = append(m.enders, n)
		}
	}
	for i := range m.enders {
		m.enders[i].Weak = true
	}
}

// semaphoreCall is a wait for a named semaphore in words. Glibc has the semaphore's word at the start of the file.
const semaphoreCall = "sem_wait"

// namedSemaphore finds the enders of a wait for a POSIX named semaphore. The kernel does not record who changed the
// semaphore. If its value is 0 and all who have it wait for it, then nobody who has it can post it.
func (g *graph) namedSemaphore(p *proc.Process, th *proc.Thread, m *mapping) wakers {
	e := wakers{on: []schema.Ref{m.ref}, enders: m.enders, open: "whoever opens it"}
	const waiters = 1 << 31 // musl marks a semaphore with waiters in its word (sem_timedwait.c)
	if th.Futex.Addr == 0 || th.Futex.Word&^waiters != 0 {
		return e
	}
	g.onlyByName(p, m, &e, "no process opens it by its name and posts it",
		"its value is 0, and all who have it wait for it")
	return e
}

// namedRWLock finds the enders of a wait for a rwlock that readers hold, in memory that has a name. The lock does not
// tell who its readers are. If all who have the memory wait for something in it, then none of them can unlock it.
func (g *graph) namedRWLock(p *proc.Process, key proc.WaitKey, m *mapping) wakers {
	e := wakers{on: []schema.Ref{m.ref}, enders: m.enders, open: "whoever maps it"}
	opens := func(n relate.Ender) bool {
		return !slices.ContainsFunc(m.enders, func(e relate.Ender) bool { return e.Proc == n.Proc })
	}
	if !m.allWait || key.Kind == schema.Shm || slices.ContainsFunc(
		useEnders(g.tick.FDUses(proc.FDFile, key.Dev, key.ID), nil, ""), opens) {
		return e
	}
	if g.onlyByName(p, m, &e, "no process maps it by its name and unlocks it",
		"readers locked it, and all who have it wait"); e.left != "" {
		if m.weak == nil {
			m.weak = slices.Clone(m.enders)
			for i := range m.weak {
				m.weak[i].Weak = true
			}
		}
		e.enders = m.weak
		if g.tick.Nested && !g.madeHere(key) {
			e.assumes += ", and no process outside this pid namespace maps it"
		}
	}
	return e
}

// onlyByName settles a wait that none of those who have a named object can end, as far as their descriptors and maps
// tell. left is what is said if all of them wait.
func (g *graph) onlyByName(p *proc.Process, m *mapping, e *wakers, assumes, left string) {
	unseen, _ := g.unseenHolders("maps")
	const interrupt = sys.SignalSet(1) << (syscall.SIGINT - 1) // see openIfHandled
	switch {
	case unseen != "":
		e.open = unseen
	case g.handlers(p)&^interrupt != 0:
		e.open, e.byHandler = "a signal handler of its own", true
	default:
		e.open, e.assumes = "", assumes
		if m.allWait {
			e.left = left
		}
	}
}
