package actions

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/leaks"
	"github.com/ipctop/ipctop/collect/schema"
)

// Remove plans the removal of objects. The plan refuses an object that cannot be removed, and names an alternative. A
// Ref carries the generation (Gen) of the object: a new object under the same id is refused too. The error is
// ErrReadOnly or sys.ErrNotLive.
func (p *Planner) Remove(refs []schema.Ref) (*Plan, error) {
	s, err := p.removal(refs)
	if err != nil {
		return nil, err
	}
	s.noteSaving()
	return s.plan, nil
}

func (p *Planner) removal(refs []schema.Ref) (*survey, error) {
	if err := p.allowed(); err != nil {
		return nil, err
	}
	plan := newPlan(p, "Remove", "object")
	s := p.survey(plan, removable(refs), removalNeeds)
	plan.add(refs, s.remove)
	return s, nil
}

// removalNeeds chooses the facts for a removal: the users of the object, its namespace and its verdict.
func removalNeeds(m *kinds.Mechanism) schema.Need {
	needs := m.NeedsAt(kinds.Holders, kinds.Waiters) | m.NeedsOf(append(leaks.IDs(), "creator_state"))
	switch {
	case inIPCNamespace(m.Kind):
		needs |= kinds.LeaderNeeds
	case m.Kind.InDevShm():
		needs |= kinds.ShmLeaderNeeds
	}
	return needs
}

func removable(refs []schema.Ref) []schema.Ref {
	var can []schema.Ref
	for _, r := range refs {
		if Removable(r.Kind) {
			can = append(can, r)
		}
	}
	return can
}

func (s *survey) remove(r schema.Ref) (Step, error) {
	do := removalOf(r.Kind).plan
	if inIPCNamespace(r.Kind) && r.Space == s.snap.IPCNamespace {
		r.Space = 0 // 0 is our own namespace
	}
	var st Step
	var err error
	switch {
	case do == nil:
		return st, refuse("%s", insteadOfRemoving(r))
	case r.Space != 0 && inIPCNamespace(r.Kind):
		st, err = s.removeInside(r, do)
	default:
		st, err = do(s, r)
	}
	if err == nil && !st.Live {
		st.Verdict = s.verdict(st.Ref)
	}
	return st, err
}

// verdict returns the leak verdict on an object without a user, and its reason; "" for other objects.
func (s *survey) verdict(r schema.Ref) string {
	o := s.snap.Find(r)
	if o == nil {
		return ""
	}
	j := leaks.VerdictOf(o)
	if j == nil {
		return ""
	}
	return string(j.Verdict) + ": " + strings.Join(j.Reasons, "; ")
}

// mayRemove foresees the kernel's answer to IPC_RMID (ipcctl_obtain_check in ipc/util.c). The owner, the creator and
// CAP_SYS_ADMIN may remove.
func (s *survey) mayRemove(p sysv.IPCPerm) error {
	me := uint32(sys.EffectiveUID())
	if me == p.UID || me == p.CUID {
		return nil
	}
	if admin, err := sys.MayAdminIPC(); admin || err != nil {
		return nil // in doubt, let the kernel decide
	}
	return refuse("permission denied: it belongs to %s: needs root or the owner", s.users.User(p.UID))
}

// checkSameObject refuses an id if its object is not the object of the Ref: their ctimes differ.
func checkSameObject(r schema.Ref, ctime int64) error {
	if r.Gen != uint64(ctime) {
		return goneError(fmt.Sprintf("it is not the object that was shown: ctime was %v, is %v: look at it again",
			moment(r.Gen), moment(ctime)))
	}
	return nil
}

// perm returns the facts that all three System V kinds have. All are guarded: they identify the object and its owner.
func perm(p sysv.IPCPerm) facts {
	return facts{
		{"id", p.ID, true}, {"key", hexKey(p.Key), true},
		{"uid", p.UID, true}, {"gid", p.GID, true}, {"cuid", p.CUID, true}, {"cgid", p.CGID, true},
		{"mode", octal(p.Mode), true},
	}
}

// named describes an object in words: "message queue 3 (key 0x00001234, owner alice)".
func (s *survey) named(what string, p sysv.IPCPerm) string {
	key := "private key"
	if p.Key != sysv.KeyPrivate {
		key = "key " + hexKey(p.Key).String()
	}
	return fmt.Sprintf("%s %d (%s, owner %s)", what, p.ID, key, s.users.User(p.UID))
}

// confirm makes the step ask for the id if the object is live.
func (st *Step) confirm(live bool, id int) {
	if live {
		st.Live, st.Confirm = true, strconv.Itoa(id)
	}
}

// waiters adds the processes that are blocked on an object. blocked is the kernel's count of blocked tasks; -1 if the
// kernel gives no count.
func (s *survey) waiters(st *Step, blocked int) {
	v, has := s.ends(st.Ref).At(kinds.Waiters)
	lines := describe(v, func(e schema.Endpoint) string {
		return fmt.Sprintf("%s is blocked in %s and gets EIDRM", processName(e.Comm, e.PID), e.Mode)
	})
	st.Affected = append(st.Affected, lines...)
	if unseen := blocked - len(v.Endpoints()); unseen > 0 {
		st.Affected = append(st.Affected, schema.Counted(unseen, "more blocked task")+" that cannot be named from here")
	}
	if blocked < 0 && (!has || v.State() != schema.Known && v.State() != schema.Absent || v.Partial()) {
		s.note(s.unseen("syscall") + " may be blocked on these objects unseen")
	}
}
