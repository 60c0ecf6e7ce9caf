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

// shmLeakNeeds are the needs for the users of a segment.
const shmLeakNeeds = proc.NeedMaps | ftok.Needs

// shmEvidence gathers the evidence on a segment. Its nattch counts the mappings of all processes, visible or not. So
// nattch 0 proves that nobody has it attached.
func (l *tick) shmEvidence(o *schema.Object, r *kinds.ShmRow) relate.Evidence {
	ref := o.Ref
	uses := []pastUse{{"creator", r.CPid, r.CTime}}
	if last := max(r.ATime, r.DTime); last != 0 {
		uses = append(uses, pastUse{"last user", r.LPid, last})
	}
	e := l.evidence(l.sightOf(ref.Space), l.past(uses...), time.Unix(max(r.CTime, r.ATime, r.DTime), 0), r.UID, r.CUID)
	l.possibleByGroup(&e, r.Mode, r.GID, r.CGID)
	l.possibleByFormerRoot(&e, r.Mode, r.UID, r.CUID)
	l.protect(&e, software.SubjectOf(l.Tick, o))
	found := 0
	for _, m := range r.Maps {
		found += m.Count
		e.Users = append(e.Users, l.user(m.Process, "has it attached"))
	}
	missing := int(r.NAttch) - found
	switch {
	case r.NAttch == 0 && found == 0:
		e.AllUsers = relate.Coverage{Complete: true, Says: []string{"nobody has it attached: nattch is 0"}}
	case missing > 0:
		e.Users = append(e.Users, relate.User{Who: "somebody who cannot be seen",
			How: fmt.Sprintf("has it attached: %d of nattch %d", missing, r.NAttch)})
	default:
		e.AllUsers.Complete = true
	}
	if r.Dest() {
		e.Removed = "it is removed already: its memory goes when " + l.whoLetsGo(r.Maps, missing) +
			", and removing it again cannot help"
		if pid, ok := r.AbsentCreator(); ok {
			e.Removed += fmt.Sprintf("; ask its creator first, process %d, which lives and does not map it", pid)
		}
	}
	return e
}

// whoLetsGo names the processes that must detach a removed segment before its memory goes. missing is the number of
// attachments by unseen processes.
func (l *tick) whoLetsGo(maps []kinds.ShmMaps, missing int) string {
	if len(maps) == 1 && missing <= 0 {
		return fmt.Sprintf("%d/%s lets go", maps[0].PID, maps[0].Comm)
	}
	return "all of them let go"
}

// user makes a relate.User of a process. State 'T' is stopped by a signal, 't' by a tracer (man 5 proc_pid_stat).
func (l *tick) user(p *proc.Process, how string) relate.User {
	return relate.User{Who: fmt.Sprintf("%d/%s", p.PID, p.Comm), How: how, Stopped: p.State == 'T' || p.State == 't'}
}

// The needs for the users of a queue and of a set.
const (
	msgLeakNeeds = proc.NeedSyscall | ftok.Needs
	semLeakNeeds = msgLeakNeeds | kinds.NeedSemValues
)

// waiterUsers lists the processes that are blocked on an object.
func (l *tick) waiterUsers(waiters []proc.Waiter) []relate.User {
	var users []relate.User
	for _, w := range waiters {
		users = append(users, l.user(w.Process, "waits in "+w.Via))
	}
	return users
}

// stoppedWaiters lists the stopped processes that were blocked on an object. They wait on it again when they go on, but
// until then the kernel does not count them.
func (l *tick) stoppedWaiters(ref schema.Ref) []relate.User {
	var users []relate.User
	for _, w := range l.StoppedOn(kinds.SysvWait(ref)) {
		users = append(users, l.user(w.Process, "waited in "+w.Via+" before it was stopped"))
	}
	return users
}

// msgEvidence gathers the evidence on a queue. The kernel has no count of a queue's waiters. So the proof that nobody
// waits needs the system call of every thread. A queue does not record its creator's pid.
func (l *tick) msgEvidence(o *schema.Object, r *kinds.MsgRow) relate.Evidence {
	ref := o.Ref
	var uses []pastUse
	if r.STime != 0 {
		uses = append(uses, pastUse{"last sender", r.LSPid, r.STime})
	}
	if r.RTime != 0 {
		uses = append(uses, pastUse{"last receiver", r.LRPid, r.RTime})
	}
	coverage := l.sightOf(ref.Space)
	e := l.evidence(coverage, l.past(uses...), time.Unix(max(r.CTime, r.STime, r.RTime), 0), r.UID, r.CUID)
	l.possibleByGroup(&e, r.Mode, r.GID, r.CGID)
	// a reader of a queue takes messages, so it counts as a writer
	l.possibleByFormerRoot(&e, r.Mode|r.Mode>>1, r.UID, r.CUID)
	l.protect(&e, software.SubjectOf(l.Tick, o))
	e.Users = append(l.waiterUsers(l.WaitersOf(kinds.SysvWait(ref))), l.stoppedWaiters(ref)...)
	if len(e.Users) > 0 {
		return e
	}
	e.AllUsers = l.unused("nobody waits on it: the system calls of every thread were read", coverage, l.calls())
	switch r.QNum {
	case 0:
	case 1:
		e.AllUsers.Says = append(e.AllUsers.Says, fmt.Sprintf("it holds 1 message of %d bytes", r.CBytes))
	default:
		e.AllUsers.Says = append(e.AllUsers.Says,
			fmt.Sprintf("it holds %d messages, %d bytes in all", r.QNum, r.CBytes))
	}
	return e
}

// unused returns the proof that nobody uses an object, with the reason fact. If a part in all is not complete, it
// returns the reasons of the incomplete parts instead.
func (l *tick) unused(fact string, all ...relate.Coverage) relate.Coverage {
	coverage := relate.Coverage{Complete: true, Says: []string{fact}}
	for _, s := range all {
		if s.Complete {
			continue
		}
		for _, says := range s.Says {
			if coverage.Complete || !slices.Contains(coverage.Says, says) {
				coverage.MarkIncomplete(says)
			}
		}
	}
	return coverage
}

// semEvidence gathers the evidence on a set. To a reader of the set, the kernel shows the number of waiters and the
// last process that changed each semaphore. It shows SEM_UNDO adjustments only to a BPF program.
func (l *tick) semEvidence(o *schema.Object, r *kinds.SemRow) relate.Evidence {
	ref := o.Ref
	lastUse := max(r.CTime, r.OTime)
	var uses []pastUse
	for _, v := range r.Values {
		use := pastUse{"last user", v.Pid, lastUse}
		// a value without a pid comes from a process outside
		if (v.Pid != 0 || v.Value != 0) && !slices.Contains(uses, use) {
			uses = append(uses, use)
		}
	}
	e := l.evidence(l.sightOf(ref.Space), l.past(uses...), time.Unix(lastUse, 0), r.UID, r.CUID)
	if r.Values != nil && r.OTime != 0 && len(uses) == 0 {
		l.useWithoutPID(&e, ref)
	}
	l.possibleByGroup(&e, r.Mode, r.GID, r.CGID)
	l.possibleByFormerRoot(&e, r.Mode, r.UID, r.CUID)
	l.protect(&e, software.SubjectOf(l.Tick, o))
	waiters := l.WaitersOf(kinds.SysvWait(ref))
	e.Users = append(l.waiterUsers(waiters), l.stoppedWaiters(ref)...)
	if r.Values == nil {
		hidden := "its values, its waiters and who changed it last could not be read"
		if r.SemVal.State() == schema.Denied {
			hidden += " (permission denied)"
		}
		e.AllUsers.MarkIncomplete(hidden)
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
	e.AllUsers = relate.Coverage{Complete: true, Says: []string{"nobody waits on it: ncount and zcount are 0"}}
	if r.OTime != 0 { // only a semop can leave a SEM_UNDO adjustment
		l.undoEvidence(&e, ref, r)
	}
	return e
}

// useWithoutPID adds what a set's otime without any pid means. The end of a process that had asked for SEM_UNDO, but
// had changed nothing, sets otime and no pid (exit_sem in ipc/sem.c). For a process outside the reader's pid namespace
// the kernel shows no pid either. In the first pid namespace nobody is outside. In another one with all members of the
// IPC namespace in sight, a process may still have entered for a while by setns(2).
func (l *tick) useWithoutPID(e *relate.Evidence, ref schema.Ref) {
	const ended = "the end of a process that had nothing to undo (SEM_UNDO)"
	switch {
	case !l.Nested:
		e.AllPast.Says = []string{"its last use was " + ended}
	case l.sightOf(ref.Space).Complete:
		e.AllPast.Says = []string{"its last use left no pid, as does " + ended}
		e.AddPossibleUser(func() relate.PossibleUser {
			return relate.PossibleUser{Who: "a process that entered this IPC namespace for a while",
				Why: "which would leave no pid either"}
		})
	default:
		e.AllPast.MarkIncomplete("its last use left no pid: it was " + ended +
			", or a process outside this pid namespace, which cannot be seen")
	}
}

// undoEvidence adds the processes whose end would change the set. If these cannot be read, a set that only its owner
// may change needs no such proof. The holder of an adjustment is then a process of the owner and older than the last
// use, so it is a possible user already.
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
		e.AllUsers.MarkIncomplete("others than its owner may have changed it, and who holds what its end would undo " +
			"(SEM_UNDO) could not be read")
	}
}
