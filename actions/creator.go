package actions

import (
	"slices"

	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// creator returns the creator of a segment, if it still lives. The kernel keeps the creator's pid for segments only.
func (s *signalling) creator(r schema.Ref) ([]schema.Ref, error) {
	if r.Kind != schema.Shm {
		return nil, refuse("the kernel does not keep who made it: only shm has a creator")
	}
	var seg sysv.ShmSegment
	err := s.inside(r, func() (err error) { seg, err = s.host.ShmStat(int(r.ID)); return err })
	if err != nil {
		return nil, err
	}
	if err := checkSameObject(r, seg.CTime); err != nil {
		return nil, err
	}
	stat, state := proc.StateSince(s.host, int(seg.CPid), seg.CTime)
	switch {
	case seg.CPid == 0:
		return nil, refuse("its creator is outside this pid namespace")
	case state == proc.CreatorUnknown && stat.Comm == "":
		return nil, refuse("its creator, pid %d, is hidden: /proc does not show the process", seg.CPid)
	case state == proc.CreatorUnknown:
		return nil, refuse("the clock was set since it was made: whether pid %d is its creator cannot be told",
			seg.CPid)
	case state != proc.CreatorAlive:
		return nil, refuse("its creator, pid %d, has ended", seg.CPid)
	}
	ref := proc.RefOf(&stat)
	if s.mapsIt(r, ref) {
		s.addRole(ref, role{r, kinds.Holders})
		s.addReason(ref, "it is the creator of "+r.String())
		return []schema.Ref{ref}, nil
	}
	if err := s.mayBeCreator(&stat, &seg); err != nil {
		return nil, err
	}
	s.addRole(ref, role{r, ""})
	s.addReason(ref, "it is the creator of "+r.String()+" by its number alone: if the number was used again since, "+
		"and the owner or permissions were changed since, it is another process")
	return []schema.Ref{ref}, nil
}

func (s *signalling) mapsIt(r, process schema.Ref) bool {
	holders, _ := s.ends(r).At(kinds.Holders)
	return slices.ContainsFunc(holders.Endpoints(), func(e schema.Endpoint) bool { return e.Ref() == process })
}

// mayBeCreator refuses a process that maybe only got the creator's number. The kernel keeps no time of birth: IPC_SET
// moves ctime (ksys_shmctl in ipc/shm.c), so a process that is older than ctime may be younger than the segment. An
// owner other than the creator proves an IPC_SET. cuid is the creator's effective uid (ipc_addid in ipc/util.c).
func (s *signalling) mayBeCreator(stat *process.ProcStat, seg *sysv.ShmSegment) error {
	if seg.UID != seg.CUID || seg.GID != seg.CGID {
		return refuse("whether pid %d is its creator cannot be told: its owner was changed since it was made, and "+
			"that moved the only time that the kernel keeps: signal the process by its pid, if you know it", seg.CPid)
	}
	known := s.status(stat.PID)
	switch {
	case known == nil:
		return refuse("whether pid %d is its creator cannot be told: the users of that process cannot be read",
			seg.CPid)
	case !slices.Contains(known.uids[:], seg.CUID):
		return refuse("whether pid %d is its creator cannot be told: %s made it, and that process is of %s: signal "+
			"the process by its pid, if you know it", seg.CPid, s.users.User(seg.CUID), s.users.User(known.uid))
	}
	return nil
}

// byNumber is true if nothing but the number of a process makes it a creator. The person must type its pid then.
func (s *signalling) byNumber(r schema.Ref) bool {
	if len(s.roles[r]) == 0 || s.named[r] {
		return false
	}
	return !slices.ContainsFunc(s.roles[r], func(at role) bool { return at.side != "" })
}
