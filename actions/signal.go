package actions

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"

	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// Signal plans to signal processes. A Ref of a process means that process. A Ref of another object means the processes
// at one side of it. A process gets one signal, even if several Refs lead to it. The error is ErrReadOnly or
// sys.ErrNotLive.
func (p *Planner) Signal(sig Signal, refs []schema.Ref, to Side) (*Plan, error) {
	if err := p.allowed(); err != nil {
		return nil, err
	}
	if proc.ForeignPIDs() {
		if !process.IsMounted() {
			return nil, errNoProc
		}
		return nil, errForeignPIDs
	}
	plan := newPlan(p, "Send "+sig.String()+" to", "process")
	s := &signalling{sig: sig, via: map[schema.Ref][]string{}, ancestorPIDs: p.ancestors()}
	objects := slices.DeleteFunc(slices.Clone(refs), func(r schema.Ref) bool { return r.Kind == schema.Proc })
	s.survey = p.survey(plan, objects, func(m *kinds.Mechanism) schema.Need { return m.NeedsAt(to.ends()...) })
	var targets []schema.Ref
	for _, r := range refs {
		if r.Kind == schema.Proc {
			targets = append(targets, r)
			continue
		}
		found, err := s.processes(r, to)
		if err != nil {
			plan.Refused = append(plan.Refused, Refusal{r, reason(err)})
		}
		targets = append(targets, found...)
	}
	plan.add(targets, s.step)
	return plan, nil
}

// signalling holds the data of one Signal plan while it is made.
type signalling struct {
	*survey
	sig          Signal
	via          map[schema.Ref][]string // reasons for each process: "holds pipe:8841 (fd 3)"
	ancestorPIDs map[int]bool            // our own ancestors
}

// step plans one signal.
func (s *signalling) step(r schema.Ref) (Step, error) {
	pid := int(r.ID)
	stat, err := proc.Same(s.host, r)
	switch {
	case errors.Is(err, proc.ErrReused):
		return Step{}, fmt.Errorf("%w: look at it again", err)
	case err != nil:
		return Step{}, err
	}
	if err := s.mayBeSignalled(stat); err != nil {
		return Step{}, err
	}
	known := s.status(pid)
	st := Step{Ref: r, Equivalent: fmt.Sprintf("kill -%s %d", s.sig.Name, pid), object: procFacts(stat, known)}
	st.Says = fmt.Sprintf("%s (%d) to %s%s: %s%s", s.sig, s.sig.Number, processName(stat.Comm, pid), s.owner(known),
		s.sig.Says, s.whyNoEffect(stat, known))
	for _, how := range s.via[r] {
		st.Affected = append(st.Affected, "it is "+how)
	}
	if s.ancestorPIDs[pid] {
		st.Affected = append(st.Affected, "ipctop itself: this process started it (your own shell, "+
			"terminal or session)")
		st.confirm(true, pid)
	}
	st.do = func() (string, error) { return s.send(r) }
	return st, nil
}

// mayBeSignalled returns the reason why a process must not or cannot be signalled.
func (s *signalling) mayBeSignalled(stat process.ProcStat) error {
	switch {
	case stat.PID == 1:
		return refuse("pid 1 is not signalled from here: the machine, or the container, hangs on it")
	case stat.PID == os.Getpid():
		return refuse("it is ipctop itself")
	case stat.KernelThread():
		return refuse("it is a kernel thread, which takes no signals")
	case stat.State == 'Z' || stat.State == 'X':
		return s.zombie(stat)
	}
	// Signal 0 only asks the kernel for the permission (man 2 kill). SIGCONT has its own rule: a process may send it to
	// any process of its session.
	h, err := s.admin.OpenProcess(stat.PID)
	if err != nil {
		return err
	}
	defer h.Close()
	if err := h.Signal(0); sys.Denied(err) && s.sig.Number != syscall.SIGCONT {
		return refuse("permission denied: it is a process%s: needs root or that user", s.owner(s.status(stat.PID)))
	}
	return nil
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

// send opens a pidfd, then compares the start time, then sends the signal. A pidfd always means the same process (man 2
// pidfd_open). So no other process can take the pid after the comparison.
func (s *signalling) send(r schema.Ref) (string, error) {
	pid := int(r.ID)
	h, err := s.admin.OpenProcess(pid)
	if err != nil {
		return "", err
	}
	defer h.Close()
	stat, err := proc.Same(s.host, r)
	switch {
	case err != nil:
		return "", err
	case stat.State == 'Z' || stat.State == 'X':
		return "", goneError("it has ended meanwhile")
	}
	if err := h.Signal(s.sig.Number); err != nil {
		return "", err
	}
	return s.sig.String() + " sent to " + processName(stat.Comm, pid), nil
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
	uid   uint32 // effective
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
	return &procStatus{uid: ids.UID[1], masks: masks}
}

// owner returns " of alice", or "" if the uid cannot be read.
func (s *signalling) owner(known *procStatus) string {
	if known == nil {
		return ""
	}
	return " of " + s.users.User(known.uid)
}

// procFacts are the journal's facts of a process. send compares the start time.
func procFacts(stat process.ProcStat, known *procStatus) facts {
	f := facts{{"pid", stat.PID, true}, {"start", stat.Start, true}, {"comm", stat.Comm, false},
		{"ppid", stat.PPID, false},
		{"state", string(rune(stat.State)), false}}
	if known != nil {
		f = append(f, fact{"uid", known.uid, false})
	}
	return f
}

// ancestors returns the pids of our own ancestors: shell, terminal, session.
func (p *Planner) ancestors() map[int]bool {
	ancestorPIDs := map[int]bool{}
	for pid := os.Getppid(); pid > 1 && !ancestorPIDs[pid]; {
		ancestorPIDs[pid] = true
		stat, err := proc.StatOf(p.host, pid)
		if err != nil {
			break
		}
		pid = stat.PPID
	}
	return ancestorPIDs
}
