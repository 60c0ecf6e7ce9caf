package leaks

import (
	"fmt"
	"slices"
	"time"

	"github.com/ipctop/ipctop/collect/ftok"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/collect/software"
)

// shmLeakNeeds are what it takes to tell who uses a segment.
const shmLeakNeeds = proc.NeedMaps | ftok.Needs

// shmEvidence gathers what tells whether a segment is leaked. Its nattch counts the mappings of all processes, seen
// or not, so that 0 proves that nobody has it attached.
func (l *tick) shmEvidence(o *schema.Object, r *kinds.ShmRow) relate.Evidence {
	ref := o.Ref
	uses := []pastUse{{"creator", r.CPid, r.CTime}}
	if last := max(r.ATime, r.DTime); last != 0 {
		uses = append(uses, pastUse{"last user", r.LPid, last})
	}
	e := l.evidence(l.sightOf(ref.Space), l.past(uses...), time.Unix(max(r.CTime, r.ATime, r.DTime), 0), r.UID, r.CUID)
	l.groupElders(&e, r.Mode, r.GID, r.CGID)
	l.droppedElders(&e, r.Mode, r.UID, r.CUID)
	l.protect(&e, software.SubjectOf(l.Tick, o))
	found := 0
	for _, m := range r.Maps {
		found += m.Count
		e.Users = append(e.Users, l.user(m.Process, "has it attached"))
	}
	missing := int(r.NAttch) - found
	switch {
	case r.NAttch == 0 && found == 0:
		e.AllUsers = relate.Sight{Complete: true, Says: []string{"nobody has it attached: nattch is 0"}}
	case missing > 0:
		e.Users = append(e.Users, relate.User{Who: "somebody who cannot be seen",
			How: fmt.Sprintf("has it attached: %d of nattch %d", missing, r.NAttch)})
	default:
		e.AllUsers.Complete = true
	}
	if r.Dest() {
		e.Removed = "it is removed already: its memory goes when " + l.letGo(r.Maps, missing) +
			", and removing it again cannot help"
	}
	return e
}

// letGo says on whom the end of a removed segment waits.
func (l *tick) letGo(maps []kinds.ShmMaps, missing int) string {
	if len(maps) == 1 && missing <= 0 {
		return fmt.Sprintf("%d/%s lets go", maps[0].PID, maps[0].Comm)
	}
	return "all of them let go"
}

// user names a process that uses an object.
func (l *tick) user(p *proc.Process, how string) relate.User {
	return relate.User{Who: fmt.Sprintf("%d/%s", p.PID, p.Comm), How: how, Stopped: p.State == 'T' || p.State == 't'}
}

// What it takes to tell who uses a queue, and a set.
const (
	msgLeakNeeds = proc.NeedSyscall | ftok.Needs
	semLeakNeeds = msgLeakNeeds | kinds.NeedSemValues
)

// waiting are the processes that are blocked on an object.
func (l *tick) waiting(waiters []proc.Waiter) []relate.User {
	var users []relate.User
	for _, w := range waiters {
		users = append(users, l.user(w.Process, "waits in "+w.Via))
	}
	return users
}

// left are the stopped processes that were blocked on an object and turn to it again when they go on: the kernel
// counts them no more.
func (l *tick) left(ref schema.Ref) []relate.User {
	var users []relate.User
	for _, w := range l.StoppedOn(kinds.SysvWait(ref)) {
		users = append(users, l.user(w.Process, "waited in "+w.Via+" before it was stopped"))
	}
	return users
}

// msgEvidence gathers what tells whether a queue is leaked. The kernel counts no waiters of a queue: that nobody
// waits takes everybody's system call. A queue has no creator's pid.
func (l *tick) msgEvidence(o *schema.Object, r *kinds.MsgRow) relate.Evidence {
	ref := o.Ref
	var uses []pastUse
	if r.STime != 0 {
		uses = append(uses, pastUse{"last sender", r.LSPid, r.STime})
	}
	if r.RTime != 0 {
		uses = append(uses, pastUse{"last receiver", r.LRPid, r.RTime})
	}
	sight := l.sightOf(ref.Space)
	e := l.evidence(sight, l.past(uses...), time.Unix(max(r.CTime, r.STime, r.RTime), 0), r.UID, r.CUID)
	l.groupElders(&e, r.Mode, r.GID, r.CGID)
	l.droppedElders(&e, r.Mode|r.Mode>>1, r.UID, r.CUID) // who may read a queue takes messages from it
	l.protect(&e, software.SubjectOf(l.Tick, o))
	e.Users = append(l.waiting(l.WaitersOf(kinds.SysvWait(ref))), l.left(ref)...)
	if len(e.Users) > 0 {
		return e
	}
	e.AllUsers = l.unused("nobody waits on it: the system calls of every thread were read", sight, l.calls())
	switch r.QNum {
	case 0:
	case 1:
		e.AllUsers.Says = append(e.AllUsers.Says, fmt.Sprintf("it holds 1 message of %d bytes", r.CBytes))
	default:
		e.AllUsers.Says = append(e.AllUsers.Says, fmt.Sprintf("it holds %d messages, %d bytes in all", r.QNum, r.CBytes))
	}
	return e
}

// unused says that nobody uses an object where all of it is in sight, else what is not.
func (l *tick) unused(fact string, all ...relate.Sight) relate.Sight {
	sight := relate.Sight{Complete: true, Says: []string{fact}}
	for _, s := range all {
		if s.Complete {
			continue
		}
		for _, says := range s.Says {
			if sight.Complete || !slices.Contains(sight.Says, says) {
				sight.Hide(says)
			}
		}
	}
	return sight
}

// semEvidence gathers what tells whether a set is leaked. The kernel counts who waits and keeps who changed each
// semaphore last, for those who may read the set; it tells nobody but a BPF program who holds adjustments to be
// undone.
func (l *tick) semEvidence(o *schema.Object, r *kinds.SemRow) relate.Evidence {
	ref := o.Ref
	lastUse := max(r.CTime, r.OTime)
	var uses []pastUse
	for _, v := range r.Values {
		use := pastUse{"last user", v.Pid, lastUse}
		if (v.Pid != 0 || v.Value != 0) && !slices.Contains(uses, use) { // who changed it without a pid is outside
			uses = append(uses, use)
		}
	}
	if r.Values != nil && r.OTime != 0 && len(uses) == 0 {
		uses = []pastUse{{"last user", 0, lastUse}}
	}
	e := l.evidence(l.sightOf(ref.Space), l.past(uses...), time.Unix(lastUse, 0), r.UID, r.CUID)
	l.groupElders(&e, r.Mode, r.GID, r.CGID)
	l.droppedElders(&e, r.Mode, r.UID, r.CUID)
	l.protect(&e, software.SubjectOf(l.Tick, o))
	waiters := l.WaitersOf(kinds.SysvWait(ref))
	e.Users = append(l.waiting(waiters), l.left(ref)...)
	if r.Values == nil {
		hidden := "its values, its waiters and who changed it last could not be read"
		if r.SemVal.State() == schema.Denied {
			hidden += " (permission denied)"
		}
		e.AllUsers.Hide(hidden)
		return e
	}
	tasks := 0
	for _, v := range r.Values {
		tasks += v.NCount + v.ZCount
	}
	if unseen := tasks - len(waiters); unseen > 0 {
		e.Users = append(e.Users, relate.User{Who: "somebody who cannot be seen",
			How: fmt.Sprintf("waits on it: %d of %d tasks", unseen, tasks)})
	}
	if len(e.Users) > 0 {
		return e
	}
	e.AllUsers = relate.Sight{Complete: true, Says: []string{"nobody waits on it: ncount and zcount are 0"}}
	if r.OTime != 0 { // SEM_UNDO takes a semop
		l.undoEvidence(&e, ref, r)
	}
	return e
}

// undoEvidence says who would change the set by its end. Where that cannot be read it does not matter for a set that
// its owner alone may change: whoever holds something is then the owner's, older than the last use, and could still
// know it.
func (l *tick) undoEvidence(e *relate.Evidence, ref schema.Ref, r *kinds.SemRow) {
	holds, err := kinds.SemUndos(l.Tick)
	for _, h := range holds[kinds.SysvWait(ref)] {
		u := relate.User{Who: fmt.Sprintf("%d/%s", h.PID, h.Comm),
			How: "holds " + h.Words() + ", which its end undoes (SEM_UNDO)"}
		if p := l.Process(h.PID); p != nil {
			u.Stopped = p.State == 'T' || p.State == 't'
		}
		e.Users = append(e.Users, u)
	}
	switch {
	case err == nil && l.sightOf(ref.Space).Complete:
		e.AllUsers.Says = append(e.AllUsers.Says, "nobody holds what its end would undo (SEM_UNDO)")
	case r.Mode&0o022 != 0:
		e.AllUsers.Hide("others than its owner may have changed it, and who holds what its end would undo (SEM_UNDO) could " +
			"not be read")
	}
}
