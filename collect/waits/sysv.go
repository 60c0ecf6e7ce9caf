package waits

import (
	"fmt"
	"slices"

	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
)

// Waits on System V queues and semaphores. The kernel records the holder of a semaphore only for operations with
// SEM_UNDO. Without SEM_UNDO it records only the process that changed the semaphore last.

func (g *graph) listSets() map[proc.WaitKey]*schema.Object {
	return byWaitKey(g.tick.Objects(schema.Sem))
}

func (g *graph) listQueues() map[proc.WaitKey]*schema.Object {
	return byWaitKey(g.tick.Objects(schema.Msg))
}

func byWaitKey(objects []*schema.Object) map[proc.WaitKey]*schema.Object {
	all := make(map[proc.WaitKey]*schema.Object, len(objects))
	for _, o := range objects {
		all[kinds.SysvWait(o.Ref)] = o
	}
	return all
}

// message finds the enders of a wait on a queue. Anybody may send to a queue or receive from it. The process that did
// it last will probably do it again.
func (g *graph) message(p *proc.Process, th *proc.Thread) wakers {
	key, _ := g.tick.WaitKey(p, &th.Wait)
	e := wakers{on: []schema.Ref{{Kind: schema.Msg, Space: key.Dev, ID: key.ID}}}
	o := g.queues()[key]
	sends := th.Syscall == "msgsnd"
	e.open = "whoever sends to it"
	if sends {
		e.open = "whoever receives from it"
	}
	if o == nil {
		return e
	}
	r := o.Row.(*kinds.MsgRow)
	e.on[0] = o.Ref
	pid, at, did := r.LSPid, r.STime, "sent to it last"
	if sends {
		pid, at, did = r.LRPid, r.RTime, "received from it last"
	}
	switch state := g.tick.CreatorState(int(pid), at); {
	case at == 0:
		e.open += " (nobody has so far)"
	case state == proc.CreatorAlive && int(pid) != p.PID:
		e.enders = processEnders([]*proc.Process{g.tick.Process(int(pid))}, did, schema.Inferred)
	case state == proc.CreatorDead || state == proc.CreatorReused:
		e.open += fmt.Sprintf("; process %d, which %s, is gone", pid, did)
	}
	return e
}

// semContent holds the values of a set, or the error of reading them.
type semContent struct {
	values []sysv.SemValue
	err    error
}

func (g *graph) content(ref schema.Ref, r *kinds.SemRow) semContent {
	c, ok := g.values[r]
	if !ok {
		c.err = kinds.InIPCSpace(g.tick, ref, func() (err error) {
			c.values, err = kinds.SemValues(g.tick, r.ID, int(r.NSems))
			return err
		})
		g.values[r] = c
	}
	return c
}

func (g *graph) semop(p *proc.Process, th *proc.Thread) wakers {
	key, _ := g.tick.WaitKey(p, &th.Wait)
	e := wakers{on: []schema.Ref{{Kind: schema.Sem, Space: key.Dev, ID: key.ID}}, open: "whoever changes it"}
	o := g.sets()[key]
	if o == nil {
		return e
	}
	r := o.Row.(*kinds.SemRow)
	e.on[0] = o.Ref
	c := g.content(e.on[0], r)
	if c.err != nil || len(th.Ops) == 0 {
		e.open += ": what it needs could not be read"
		return e
	}
	op, ok := sysv.BlockedOp(th.Ops, c.values)
	if !ok {
		e.open = "nobody: it is about to go on"
		return e
	}
	return g.semopOn(p, r, op, c.values, e.on)
}

// semopOn finds the enders of a wait for one operation on a set.
func (g *graph) semopOn(p *proc.Process, r *kinds.SemRow, op sysv.SemOp, values []sysv.SemValue,
	on []schema.Ref) wakers {
	e := wakers{on: on, open: "whoever changes it"}
	if op.Op == 0 {
		e.open = "whoever takes from it"
		return e
	}
	switch enders, u := g.undoHolders(p, on[0], op, values[op.Num]); {
	case u.counts:
		e.enders = enders
		return e
	case len(enders) > 0:
		e.enders = enders
		if u.covers {
			e.open = ""
			return e
		}
	}
	g.lastOperator(p, r, op, values, &e)
	return e
}

// undoUse tells what the adjustments (SEM_UNDO) of all processes mean for one operation.
type undoUse struct {
	covers bool // the holders would give back enough for the operation
	// counts means that the semaphore counts items and is no lock. A sign is a process that raised it without taking
	// from it, or a waiter that has already taken from it. Then anybody who adds an item ends the wait, with or without
	// SEM_UNDO.
	counts bool
}

// semNumber is one semaphore of a set.
type semNumber struct {
	set schema.Ref
	num uint16
}

// semUndo is what the adjustments of a semaphore tell, for all who wait for it.
type semUndo struct {
	enders []relate.Ender
	held   int                 // what the ends of all holders give back
	holds  map[schema.Ref]bool // the processes with an adjustment
	gave   bool                // a process raised it without taking from it
	read   bool                // all adjustments were read
}

// undoOf are the processes with an adjustment of the semaphore. The end of a holder gives back what it took. The others
// have raised the semaphore.
func (g *graph) undoOf(at semNumber) *semUndo {
	u := g.undos[at]
	if u != nil {
		return u
	}
	holds, err := kinds.SemUndos(g.tick)
	u = &semUndo{holds: map[schema.Ref]bool{}, read: err == nil}
	g.undos[at] = u
	for _, h := range holds[kinds.SysvWait(at.set)] {
		n, how := h.Taken(at.num), "holds %d of semaphore %d (SEM_UNDO)"
		if n == 0 {
			continue
		}
		u.gave, u.holds[h.Ref()] = u.gave || n < 0, true
		if u.held += max(0, n); n < 0 {
			n, how = -n, "gave %d to semaphore %d (SEM_UNDO)"
		}
		u.enders = append(u.enders, relate.Ender{Proc: h.Ref(), How: fmt.Sprintf(how, n, at.num),
			Proof: schema.Observed, GivesBack: h.Taken(at.num) > 0})
	}
	return u
}

// undoHolders are the processes with an adjustment of the semaphore, and what the adjustments mean for the operation.
func (g *graph) undoHolders(p *proc.Process, ref schema.Ref, op sysv.SemOp, v sysv.SemValue) (enders []relate.Ender,
	use undoUse) {
	u := g.undoOf(semNumber{ref, op.Num})
	return u.enders, undoUse{covers: u.read && int(v.Value)+u.held+int(op.Op) >= 0, counts: u.gave || u.holds[p.Ref()]}
}

// semChange is a semaphore, and the waiters that have the same relatives.
type semChange struct {
	of  semNumber
	kin kin
}

// lastOperator infers the holder of a semaphore from the process that changed it last.
//
// These cases tell nothing:
//
//	the waiter itself changed the semaphore last
//	no semop on the set has succeeded since its values were set
//	the value is above 0: it may have been raised but not far enough, as in a barrier, and anybody may raise it
//
// In the other cases the list is taken as complete. It holds the last operator, known users of the set, and processes
// close to the waiter.
func (g *graph) lastOperator(p *proc.Process, r *kinds.SemRow, op sysv.SemOp, values []sysv.SemValue, e *wakers) {
	v := values[op.Num]
	if v.Pid == 0 || int(v.Pid) == p.PID || v.Value > 0 || r.OTime < r.CTime || r.OTime == 0 {
		return
	}
	of := semChange{semNumber{e.on[0], op.Num}, g.kinOf(p)}
	known, ok := g.changes[of]
	if !ok {
		known = *e
		g.inferHolder(p, r, op, values, &known)
		g.changes[of] = known
	}
	*e = known
}

// inferHolder is lastOperator for the first of the waiters that share the answer.
func (g *graph) inferHolder(p *proc.Process, r *kinds.SemRow, op sysv.SemOp, values []sysv.SemValue, e *wakers) {
	v := values[op.Num]
	e.enders = slices.Clone(e.enders)
	how := fmt.Sprintf("changed semaphore %d last", op.Num)
	switch g.tick.CreatorState(int(v.Pid), max(r.OTime, r.CTime)) {
	case proc.CreatorAlive:
		e.enders = append(e.enders, processEnders([]*proc.Process{g.tick.Process(int(v.Pid))}, how, schema.Inferred)...)
		e.assumes = fmt.Sprintf("process %d, which %s, took it: %s", v.Pid, how, g.noHolderReason())
	case proc.CreatorDead, proc.CreatorReused:
		e.left = fmt.Sprintf("its last change was by process %d, which is gone", v.Pid)
		e.assumes = fmt.Sprintf("process %d took it and did not give it back", v.Pid)
	default:
		return
	}
	e.open = ""
	told, users := map[schema.Ref]bool{}, g.knownUsers(r, values)
	for _, n := range e.enders {
		told[n.Proc] = true
	}
	// A process with one thread cannot end its own wait. It is in the list for the others who wait for the set.
	key := proc.WaitKey{Kind: schema.Sem, Dev: r.Owners.Place.Space, ID: uint64(r.ID)}
	alone := len(p.Tasks) == 1 && !slices.ContainsFunc(g.tick.WaitersOf(key),
		func(w proc.Waiter) bool { return w.Process != p })
	for _, near := range g.mayKnow(p, r, values) {
		ref := near.Ref()
		if told[ref] || near == p && alone {
			continue
		}
		if told[ref] = true; !users[near] && !g.mayChange(near, r) {
			continue
		}
		e.enders = append(e.enders, relate.Ender{Proc: ref, How: "may know it", Proof: schema.Inferred, Weak: true,
			Bystander: !users[near] && !g.sameProgram(p, near)})
	}
}

// noHolderReason says why no holder of a semaphore is known.
func (g *graph) noHolderReason() string {
	if _, err := kinds.SemUndos(g.tick); err != nil {
		return err.Error()
	}
	return "without SEM_UNDO the kernel does not say"
}

// mayKnow are the other processes that may know a set. They changed its other semaphores, wait for them, or are
// relatives of the waiter. The waiter's own process is among them, because of its other threads.
func (g *graph) mayKnow(p *proc.Process, r *kinds.SemRow, values []sysv.SemValue) []*proc.Process {
	near := g.relatives(p)
	for _, v := range values {
		if g.tick.CreatorState(int(v.Pid), max(r.OTime, r.CTime)) == proc.CreatorAlive {
			near = append(near, g.tick.Process(int(v.Pid)))
		}
	}
	for _, w := range g.tick.WaitersOf(proc.WaitKey{Kind: schema.Sem, Dev: r.Owners.Place.Space, ID: uint64(r.ID)}) {
		near = append(near, w.Process)
	}
	return near
}

// program is the target of a process's exe; "": it could not be read.
func (g *graph) program(p *proc.Process) string {
	exe, ok := g.programs[p]
	if !ok {
		if dir, err := g.tick.Host.OpenProc(p.Living()); err == nil {
			exe, _ = dir.Readlink("exe")
			dir.Close()
		}
		g.programs[p] = exe
	}
	return exe
}
