package actions

import (
	"errors"
	"fmt"
	"slices"
	"syscall"

	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// Signal plans to signal processes. A Ref of a process means that process, a Ref of a wait its process. A Ref of
// another object means the processes at one side of it. Enders of waits and objects could end the waits. A process gets
// one signal, even if several Refs lead to it. The error is ErrReadOnly or sys.ErrNotLive.
func (p *Planner) Signal(sig Signal, refs []schema.Ref, to Side) (*Plan, error) {
	return p.SignalThen(sig, Then{}, refs, to)
}

// SignalThen is Signal with a second signal to the processes that stay.
func (p *Planner) SignalThen(sig Signal, then Then, refs []schema.Ref, to Side) (*Plan, error) {
	if err := p.allowed(); err != nil {
		return nil, err
	}
	if process.SelfPID() == 0 && !process.IsMounted() {
		return nil, errNoProc
	}
	plan := newPlan(p, "Send "+sig.String()+" to", "process")
	if then.asked() {
		plan.tail = ", then " + then.String()
	}
	s := &signalling{sig: sig, then: then, via: map[schema.Ref][]string{}, named: map[schema.Ref]bool{},
		roles: map[schema.Ref][]role{}, ancestorPIDs: p.ancestors()}
	objects := slices.DeleteFunc(slices.Clone(refs), func(r schema.Ref) bool { return isProcess(r, to) })
	if to == Enders && len(objects) > 0 {
		s.survey = p.surveyWaits(plan, objects)
	} else {
		s.survey = p.survey(plan, objects, func(m *kinds.Mechanism) schema.Need { return m.NeedsAt(to.needs()...) })
	}
	var targets []schema.Ref
	for _, r := range refs {
		find := s.processes
		switch {
		case isProcess(r, to):
			find = s.namedProcess
		case to == Enders:
			find = func(r schema.Ref, _ Side) ([]schema.Ref, error) { return s.enders(r) }
		}
		found, err := find(r, to)
		if err != nil {
			plan.Refused = append(plan.Refused, Refusal{r, reason(err)})
		}
		targets = append(targets, found...)
	}
	plan.add(targets, s.step)
	s.rolesReason()
	if len(plan.Steps) > 0 {
		s.note("a signal cannot be undone")
	}
	return plan, nil
}

// signalling holds the data of one Signal plan while it is made.
type signalling struct {
	*survey
	sig          Signal
	then         Then
	via          map[schema.Ref][]string // reasons for each process: "it is a reader of pipe:8841 (fd 3)"
	named        map[schema.Ref]bool     // processes that the person named
	roles        map[schema.Ref][]role   // of each process
	ancestorPIDs map[int]bool            // our own ancestors
}

// isProcess is true for a Ref that stands for one process: a process, and a wait of which the waiter is meant.
func isProcess(r schema.Ref, to Side) bool {
	return r.Kind == schema.Proc || r.Kind == schema.Wait && to != Enders
}

// namedProcess returns the process that a person named.
func (s *signalling) namedProcess(r schema.Ref, _ Side) ([]schema.Ref, error) {
	if r.Kind == schema.Wait {
		var err error
		if r, err = s.processOf(r); err != nil {
			return nil, err
		}
	}
	s.named[r] = true
	return []schema.Ref{r}, nil
}

// step plans one signal. The plan holds the process from now on.
func (s *signalling) step(r schema.Ref) (Step, error) {
	v, stat, err := s.openVictim(r)
	switch {
	case errors.Is(err, proc.ErrReused):
		return Step{}, fmt.Errorf("%w: look at it again", err)
	case err != nil:
		return Step{}, err
	}
	if err := s.mayBeSignalled(v.handle, stat); err != nil {
		v.handle.Close()
		return Step{}, err
	}
	known := s.status(stat.PID)
	st := Step{Ref: r, object: procFacts(stat, v.shown, known)}
	if pid, err := v.handle.OwnPID(); err == nil {
		st.Equivalent = fmt.Sprintf("kill -%s %d", s.sig.Name, pid)
	}
	st.Victim = processName(stat.Comm, stat.PID) + s.owner(known)
	st.Says = fmt.Sprintf("%s (%d) to %s: %s%s", s.sig, s.sig.Number, st.Victim, s.sig.Says,
		s.whyNoEffect(stat, known))
	st.Affected = append(st.Affected, s.via[r]...)
	st.Affected = append(st.Affected, s.first(v, known)...)
	if s.ancestorPIDs[stat.PID] {
		st.Affected = append(st.Affected, "ipctop itself: this process started it (your own shell, "+
			"terminal or session)")
		st.confirm(true, stat.PID)
	}
	st.confirm(s.byNumber(r), stat.PID)
	if s.then.asked() {
		st.then = s.follow(&st, v, stat)
	}
	s.keep(v)
	st.do = func() (string, error) {
		if err := v.signal(s.survey, s.sig.Number); err != nil {
			return "", err
		}
		return s.sig.String() + " sent to " + processName(stat.Comm, stat.PID), nil
	}
	return st, nil
}

// mayBeSignalled returns the reason why a process must not or cannot be signalled.
func (s *signalling) mayBeSignalled(h *process.Handle, stat process.ProcStat) error {
	switch {
	case stat.PID == process.SelfPID():
		return refuse("it is ipctop itself")
	case stat.KernelThread():
		return refuse("it is a kernel thread, which takes no signals")
	case stat.State == 'Z' || stat.State == 'X':
		return s.zombie(stat)
	}
	// Signal 0 only asks the kernel for the permission (man 2 kill). SIGCONT has its own rule: a process may send it to
	// any process of its session.
	err := h.Signal(0)
	switch {
	case outside(err):
		return refuse("%v: mount the own /proc (mount -t proc proc /proc) to see the processes that can be signalled",
			process.ErrOutside)
	case isInit(h):
		return refuse("pid 1 is not signalled from here: the machine, or the container, hangs on it")
	case sys.Denied(err) && (s.sig.Number != syscall.SIGCONT || s.then.asked()):
		return refuse("permission denied: it is a process%s: needs root or that user", s.owner(s.status(stat.PID)))
	case err != nil && !sys.Denied(err):
		return err
	}
	return nil
}

// isInit is true for pid 1 of our own pid namespace.
func isInit(h *process.Handle) bool {
	pid, err := h.OwnPID()
	return err == nil && pid == 1
}

func (s *signalling) zombie(stat process.ProcStat) error {
	parent, err := proc.StatOf(s.host, stat.PPID)
	if err != nil {
		return refuse("it is a zombie: it has ended already")
	}
	return refuse("it is a zombie: it has ended already and waits for its parent %s to collect it: signal the parent, "+
		"proc:%d",
		processName(parent.Comm, parent.PID), parent.PID)
}

// whyNoEffect describes a reason why the signal has no effect at once; "" if there is none.
func (s *signalling) whyNoEffect(stat process.ProcStat, known *procStatus) string {
	sig := s.sig.Number
	if sig == syscall.SIGKILL || sig == syscall.SIGSTOP {
		return "" // man 7 signal: it cannot be caught, blocked or ignored
	}
	says := ""
	switch {
	case known == nil:
	case known.masks.Ignored.Has(sig):
		says = "; but it ignores this signal"
	case known.masks.Blocked.Has(sig):
		says = "; but its main thread blocks this signal for now"
	case known.masks.Caught.Has(sig):
		says = "; it handles this signal itself"
	}
	if stat.State == 'T' && sig != syscall.SIGCONT {
		says += "; it is stopped (T) and takes the signal when it is continued"
	}
	return says
}

// procStatus holds facts from /proc/PID/status that /proc/PID/stat lacks.
type procStatus struct {
	uid   uint32    // effective
	uids  [4]uint32 // real, effective, saved, of files
	masks process.SignalMasks
}

// status reads /proc/PID/status; nil if that fails.
func (s *signalling) status(pid int) *procStatus {
	dir, err := proc.OpenLiving(s.host, pid)
	if err != nil {
		return nil
	}
	defer dir.Close()
	text, err := dir.Read("status", nil)
	if err != nil {
		return nil
	}
	ids, err := process.ParseProcStatus(text)
	if err != nil {
		return nil
	}
	masks, err := process.ParseSignalMasks(text)
	if err != nil {
		return nil
	}
	if dir.PID != pid {
		masks.Blocked = 0 // the first thread has ended, and any thread that does not block the signal takes it
	}
	return &procStatus{uid: ids.UID[1], uids: ids.UID, masks: masks}
}

// owner returns " of alice", or "" if the uid cannot be read.
func (s *signalling) owner(known *procStatus) string {
	if known == nil {
		return ""
	}
	return " of " + s.users.User(known.uid)
}

// procFacts are the journal's facts of a process. A victim compares the start time and the program.
func procFacts(stat process.ProcStat, program process.Program, known *procStatus) facts {
	f := facts{{"pid", stat.PID, true}, {"start", stat.Start, true}, {"comm", stat.Comm, true},
		{"exe", program.Exe, true}, {"ppid", stat.PPID, false}, {"state", string(rune(stat.State)), false}}
	if known != nil {
		f = append(f, fact{"uid", known.uid, false})
	}
	return f
}

// ancestors returns the pids of our own ancestors, as /proc counts them: shell, terminal, session.
func (p *Planner) ancestors() map[int]bool {
	ancestorPIDs := map[int]bool{}
	for pid := process.SelfPID(); pid > 0; {
		stat, err := proc.StatOf(p.host, pid)
		if err != nil || stat.PPID <= 1 || ancestorPIDs[stat.PPID] {
			break
		}
		pid = stat.PPID
		ancestorPIDs[pid] = true
	}
	return ancestorPIDs
}
