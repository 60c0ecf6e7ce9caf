package actions

import (
	"fmt"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/schema"
)

func (s *survey) removeShm(r schema.Ref) (Step, error) {
	seg, err := s.host.ShmStat(int(r.ID))
	if err != nil {
		return Step{}, err
	}
	if err := sameLife(r, seg.CTime); err != nil {
		return Step{}, err
	}
	if seg.Dest() {
		return Step{}, refuse("it is removed already (dest) and goes away when the last of its %s ends: end the processes that map it, ipctop signal TERM --to holders %s",
			count(seg.NAttch, "attachment"), r)
	}
	if err := s.mayRemove(seg.IPCPerm); err != nil {
		return Step{}, err
	}
	st := Step{Ref: r, Equivalent: fmt.Sprintf("ipcrm -m %d", seg.ID), object: shmFacts(seg)}
	name := s.named("shared memory segment", seg.IPCPerm)
	if seg.NAttch == 0 {
		st.Says = fmt.Sprintf("%s is destroyed at once; its %s are lost", name, count(seg.Size, "byte"))
	} else {
		st.Says = fmt.Sprintf("%s of %s is marked for destruction (dest): nobody finds it by its key any more, those attached keep their mapping, and it goes away when the last of its %s ends",
			name, count(seg.Size, "byte"), count(seg.NAttch, "attachment"))
	}
	s.attached(&st, seg.NAttch)
	st.confirm(seg.NAttch > 0, seg.ID)
	st.do = func() (string, error) {
		now, err := s.host.ShmStat(seg.ID)
		if err != nil {
			return "", err
		}
		if err := st.object.unchanged(shmFacts(now)); err != nil {
			return "", err
		}
		if err := s.admin.ShmRemove(seg.ID); err != nil {
			return "", err
		}
		if seg.NAttch > 0 {
			return "marked for destruction, goes away when the last attachment ends", nil
		}
		return "removed", nil
	}
	return st, nil
}

// attached adds who has the segment mapped. nattch counts mappings, so that one process may stand for several.
func (s *survey) attached(st *Step, nattch uint64) {
	if nattch == 0 {
		return
	}
	v, _ := s.cell(st.Ref, "holders")
	seen := uint64(0)
	st.Affected = append(st.Affected, ends(v, func(e schema.Endpoint) string {
		seen += uint64(max(1, e.Maps))
		return processName(e.Comm, e.PID) + " has it attached"
	})...)
	if seen < nattch {
		st.Affected = append(st.Affected, count(nattch-seen, "attachment")+" of processes that cannot be seen from here (of other users, or outside this pid namespace)")
	}
}

// shmFacts are all guarded: whoever attaches or detaches moves nattch, lpid and a time, and a segment that was shown unused would
// turn out to be used.
func shmFacts(s kernel.ShmSegment) facts {
	return append(perm(s.IPCPerm), facts{
		{"size", s.Size, true}, {"cpid", s.CPid, true}, {"nattch", s.NAttch, true}, {"lpid", s.LPid, true},
		{"atime", moment(s.ATime), true}, {"dtime", moment(s.DTime), true}, {"ctime", moment(s.CTime), true},
	}...)
}
