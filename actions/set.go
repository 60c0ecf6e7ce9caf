package actions

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/schema"
)

// Set plans to change owners, permissions and values of objects. The error is ErrReadOnly or sys.ErrNotLive.
func (p *Planner) Set(to *Settings, refs []schema.Ref) (*Plan, error) {
	if err := p.allowed(); err != nil {
		return nil, err
	}
	plan := newPlan(p, "Set values of", "object")
	known := slices.DeleteFunc(slices.Clone(refs), func(r schema.Ref) bool { return !Settable(r.Kind) })
	s := &setter{p.survey(plan, known, setNeeds), to}
	plan.add(refs, s.step)
	s.noteSetting()
	return plan, nil
}

// noteSetting tells once for the plan what becomes of the old values.
func (s *setter) noteSetting() {
	s.noteKept(func(st *Step) string {
		if st.Ref.Space != 0 {
			return "the old values: ipctop undo works in its own namespace only"
		}
		return ""
	}, "set the old values again", "sets the old values again", "")
}

// setNeeds chooses the facts for a change: the users of the object, and who waits for which semaphore.
func setNeeds(m *kinds.Mechanism) schema.Need {
	return m.NeedsAt(kinds.Holders, kinds.Waiters) | m.NeedsOf([]string{"semval"}) | removalNeeds(m)
}

// setter holds the data of one Set plan while it is made.
type setter struct {
	*survey
	to *Settings
}

func insteadOfSetting(r schema.Ref) string {
	var can []string
	for _, m := range collect.Mechanisms() {
		if Settable(m.Kind) {
			can = append(can, string(m.Kind))
		}
	}
	return fmt.Sprintf("objects of kind %s have no owner, permissions or values to set: only %s have", r.Kind,
		strings.Join(can, ", "))
}

// step plans the changes of one object. A System V object may be in another IPC namespace.
func (s *setter) step(r schema.Ref) (Step, error) {
	if !Settable(r.Kind) {
		return Step{}, refuse("%s", insteadOfSetting(r))
	}
	if unfit := s.to.unfit(r.Kind); len(unfit) > 0 {
		return Step{}, refuse("objects of kind %s have no %s", r.Kind, strings.Join(unfit, " and no "))
	}
	if !inIPCNamespace(r.Kind) {
		return s.setPosix(r)
	}
	if r.Space == s.snap.IPCNamespace {
		r.Space = 0 // 0 is our own namespace
	}
	plan := s.setPosix
	if r.Kind.SysV() {
		plan = s.setSysV
	}
	if r.Space == 0 {
		return plan(r)
	}
	return s.removeInside(r, func(_ *survey, r schema.Ref) (Step, error) { return plan(r) })
}

// change collects the differences of one object in words: "owner alice → bob".
type change struct{ words []string }

func (c *change) add(name string, was, is any) {
	if was != is {
		c.words = append(c.words, fmt.Sprintf("%s %v → %v", name, was, is))
	}
}

// owned takes the new owner, group and permissions into p.
func (s *setter) owned(c *change, p *sysv.IPCPerm) {
	if s.to.UID != nil {
		c.add("owner", s.users.User(p.UID), s.users.User(*s.to.UID))
		p.UID = *s.to.UID
	}
	if s.to.GID != nil {
		c.add("group", s.users.Group(p.GID), s.users.Group(*s.to.GID))
		p.GID = *s.to.GID
	}
	if s.to.Perms != nil {
		c.add("perms", octal(p.Perms()), octal(*s.to.Perms))
		p.Mode = p.Mode&^0o777 | *s.to.Perms
	}
}

// sysvObject is what Set reads and changes of a System V object.
type sysvObject struct {
	what  string
	perm  sysv.IPCPerm
	queue sysv.MsgQueue
	ctime int64
	nsems uint64
}

func (s *setter) read(r schema.Ref) (o sysvObject, err error) {
	switch r.Kind {
	case schema.Msg:
		o.what = "message queue"
		o.queue, err = s.host.MsgStat(int(r.ID))
		o.perm, o.ctime = o.queue.IPCPerm, o.queue.CTime
	case schema.Sem:
		o.what = "semaphore set"
		var set sysv.SemSet
		set, err = s.host.SemStat(int(r.ID))
		o.perm, o.ctime, o.nsems = set.IPCPerm, set.CTime, set.NSems
	default:
		o.what = "shared memory segment"
		var seg sysv.ShmSegment
		seg, err = s.host.ShmStat(int(r.ID))
		o.perm, o.ctime = seg.IPCPerm, seg.CTime
	}
	return o, err
}

// facts are all guarded: the plan says what the values were.
func (o *sysvObject) facts(sems semaphores) facts {
	f := append(perm(o.perm), fact{"ctime", moment(o.ctime), true}, fact{"qbytes", o.queue.QBytes, true})
	for _, num := range slices.Sorted(maps.Keys(sems.values)) {
		f = append(f, fact{fmt.Sprintf("%s[%d]", semaphoreValue, num), sems.values[num], true})
	}
	if sems.values != nil {
		f = append(f, fact{"blocked", sems.blocked, true})
	}
	return f
}

func (s *setter) setSysV(r schema.Ref) (Step, error) {
	was, err := s.read(r)
	if err != nil {
		return Step{}, err
	}
	if err := checkSameObject(r, was.ctime); err != nil {
		return Step{}, err
	}
	is, c := was, &change{}
	s.owned(c, &is.perm)
	rights := len(c.words) > 0
	ipcSet := rights
	if s.to.QBytes != nil {
		is.queue.QBytes = *s.to.QBytes
		c.add("qbytes", was.queue.QBytes, is.queue.QBytes)
		ipcSet = ipcSet || was.queue.QBytes != is.queue.QBytes
	}
	if ipcSet {
		if err := s.mayRemove(was.perm); err != nil {
			return Step{}, err
		}
		if err := s.mayHold(is.queue.QBytes); err != nil {
			return Step{}, err
		}
	}
	st := Step{Ref: r}
	if s.to.Locked != nil {
		c.add("locked", yesNo(was.perm.Locked()), yesNo(*s.to.Locked))
	}
	sems, err := s.semaphores(r, was.nsems)
	if err != nil {
		return Step{}, err
	}
	before := sems.values
	for _, num := range slices.Sorted(maps.Keys(s.to.Values)) {
		c.add(fmt.Sprintf("%s[%d]", semaphoreValue, num), before[num], s.to.Values[num])
	}
	if len(c.words) == 0 {
		return Step{}, refuse("it has these values already")
	}
	st.Victim = s.named(was.what, was.perm)
	st.Says = st.Victim + ": " + strings.Join(c.words, ", ")
	st.back = s.setBack(was.settings(before), func(o *kept) {
		o.owned(was.perm)
		o.NSems = was.nsems
		o.ended = func() error { return s.moved(o.keeper.dir, o.Step, r, was.ctime) }
	})
	st.object = was.facts(sems)
	if rights {
		st.Affected = append(st.Affected, s.checkedAgain(r.Kind))
	}
	s.awakes(&st, before)
	is.queue.IPCPerm = is.perm
	st.do = st.object.ifUnchanged(func() (facts, error) {
		now, err := s.read(r)
		if err != nil {
			return nil, err
		}
		sems, err := s.semaphores(r, now.nsems)
		return now.facts(sems), err
	}, func() error { return s.apply(r, was, is, before, ipcSet) }, strings.Join(c.words, ", "))
	return st, nil
}

// checkedAgain tells when the kernel compares the permissions: a queue's and a set's at each call (ipcperms in
// ipc/util.c), a segment's when a process attaches it.
func (s *setter) checkedAgain(k schema.Kind) string {
	if k == schema.Shm {
		return "processes that have it attached keep it: the permissions count for the next shmat"
	}
	return "all who use it: the kernel compares the permissions at their next call, and may answer EACCES"
}

// apply does the changes. Owner and permissions come last: they may take the right to the others away.
func (s *setter) apply(r schema.Ref, was, is sysvObject, before map[int]uint16, ipcSet bool) error {
	for _, num := range slices.Sorted(maps.Keys(s.to.Values)) {
		if before[num] == s.to.Values[num] {
			continue
		}
		if err := s.admin.SemSetValue(was.perm.ID, num, s.to.Values[num]); err != nil {
			return err
		}
	}
	if s.to.Locked != nil && *s.to.Locked != was.perm.Locked() {
		lock := s.admin.ShmUnlock
		if *s.to.Locked {
			lock = s.admin.ShmLock
		}
		if err := lock(was.perm.ID); err != nil {
			return err
		}
	}
	switch {
	case !ipcSet:
		return nil
	case r.Kind == schema.Msg:
		return s.admin.MsgSet(is.queue)
	case r.Kind == schema.Sem:
		return s.admin.SemSetPerm(is.perm)
	}
	return s.admin.ShmSetPerm(is.perm)
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
