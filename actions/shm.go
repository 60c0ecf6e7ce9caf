package actions

import (
	"cmp"
	"fmt"

	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/schema"
)

func (s *survey) removeShm(r schema.Ref) (Step, error) {
	seg, err := s.host.ShmStat(int(r.ID))
	if err != nil {
		return Step{}, err
	}
	if err := checkSameObject(r, seg.CTime); err != nil {
		return Step{}, err
	}
	if seg.Dest() {
		return Step{}, refuse("it is removed already (dest) and goes away with its last attachment (%d now): %s",
			seg.NAttch, s.whoEndsRemoved(r))
	}
	if err := s.mayRemove(seg.IPCPerm); err != nil {
		return Step{}, err
	}
	st := Step{Ref: r, Equivalent: fmt.Sprintf("ipcrm -m %d", seg.ID), object: shmFacts(seg)}
	st.Victim = s.named("shared memory segment", seg.IPCPerm)
	st.Says = s.shmRemoval(st.Victim, seg)
	s.attached(&st, seg.NAttch)
	st.confirm(seg.NAttch > 0, seg.ID)
	says := "removed"
	if seg.NAttch > 0 {
		says = "marked for destruction, goes away with its last attachment"
	}
	id := seg.ID
	st.do = guarded(seg, func() (sysv.ShmSegment, error) { return s.host.ShmStat(id) }, shmFacts,
		func() error { return s.admin.ShmRemove(id) }, says)
	s.saveShm(&st, seg)
	st.back.same = func() error {
		now, err := s.host.ShmStat(id)
		return cmp.Or(err, shmFacts(seg).unchanged(shmFacts(now)))
	}
	return st, nil
}

// whoEndsRemoved names the processes whose end frees a removed segment. A creator that lives and does not map it comes
// first: those who map it may be a server of many clients.
func (s *survey) whoEndsRemoved(r schema.Ref) string {
	if o := s.snap.Find(r); o != nil {
		if pid, ok := o.Row.(*kinds.ShmRow).AbsentCreator(); ok {
			return fmt.Sprintf("its creator, process %d, lives and does not map it: end the creator, ipctop signal "+
				"TERM --to creator %s; those who map it may be a server that lets go then", pid, r)
		}
	}
	return fmt.Sprintf("end the processes that map it, ipctop signal TERM --to holders %s", r)
}

func (s *survey) shmRemoval(name string, seg sysv.ShmSegment) string {
	size := schema.Counted(seg.Size, "byte")
	if seg.NAttch == 0 {
		return fmt.Sprintf("%s is destroyed at once; its %s", name, areLost(seg.Size, "byte"))
	}
	says := fmt.Sprintf("%s of %s is marked for destruction (dest): those attached keep their mapping, "+
		"and it goes away with the last attachment (%d now)", name, size, seg.NAttch)
	if seg.Key != sysv.KeyPrivate {
		says += "; nobody finds it by its key any more"
	}
	return says
}

// attached adds the processes that have the segment mapped. nattch counts mappings, and one process may have several.
func (s *survey) attached(st *Step, nattch uint64) {
	if nattch == 0 {
		return
	}
	seen := uint64(0)
	st.Affected = append(st.Affected, describe(s.ends(st.Ref).Holders, func(e schema.Endpoint) string {
		seen += uint64(max(1, e.Maps))
		return processName(e.Comm, e.PID) + " has it attached"
	})...)
	if seen < nattch {
		st.Affected = append(st.Affected,
			schema.Counted(nattch-seen, "attachment")+
				" of processes that cannot be seen from here (of other users, or outside this pid namespace)")
	}
}

// shmFacts guards every fact. An attach or a detach changes nattch, lpid and a time. So it proves that the segment has
// a user.
func shmFacts(s sysv.ShmSegment) facts {
	return append(perm(s.IPCPerm), facts{
		{"size", s.Size, true}, {"cpid", s.CPid, true}, {"nattch", s.NAttch, true}, {"lpid", s.LPid, true},
		{"atime", moment(s.ATime), true}, {"dtime", moment(s.DTime), true}, {"ctime", moment(s.CTime), true},
	}...)
}
