package actions

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/leaks"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
)

func (s *survey) removeSem(r schema.Ref) (Step, error) {
	set, err := s.host.SemStat(int(r.ID))
	if err != nil {
		return Step{}, err
	}
	if err := checkSameObject(r, set.CTime); err != nil {
		return Step{}, err
	}
	if err := s.mayRemove(set.IPCPerm); err != nil {
		return Step{}, err
	}
	st := Step{Ref: r, Equivalent: fmt.Sprintf("ipcrm -s %d", set.ID)}
	st.Victim = s.named("semaphore set", set.IPCPerm)
	values, err := s.host.SemValues(set.ID, int(set.NSems))
	if err != nil {
		st.Affected = append(st.Affected, "whoever uses it: its values and waiters could not be read")
	}
	blocked := 0
	for _, v := range values {
		blocked += v.NCount + v.ZCount
	}
	s.waiters(&st, blocked)
	st.Affected = append(st.Affected, s.lastOperators(r, set, values)...)
	live := len(st.Affected) > 0
	st.confirm(live, set.ID)
	st.Says = fmt.Sprintf("%s with %s is destroyed at once; %s", st.Victim, schema.Counted(set.NSems, "semaphore"),
		removalWakes("semop", live))
	st.object = semFacts(set, values, !live)
	s.guardSem(&st, set, values, !live)
	s.saveSem(&st, set, err)
	st.back.same = func() error {
		now, err := s.host.SemStat(set.ID)
		return cmp.Or(err, semFacts(set, nil, false).unchanged(semFacts(now, nil, false)))
	}
	return st, nil
}

// semLook is one look at a set. If the plan showed the set as idle, it also has whether all values, last pids and
// blocked tasks are as shown.
type semLook struct {
	set  sysv.SemSet
	same bool
}

// guardSem sets the deed. An operation and a task that blocks may change neither otime, which has whole seconds, nor
// ctime. So an idle set's values and waiters are read too, before the set itself.
func (s *survey) guardSem(st *Step, set sysv.SemSet, shown []sysv.SemValue, idle bool) {
	latest := shown
	look := func() (now semLook, err error) {
		now.same = true
		if idle {
			if latest, err = s.host.SemValues(set.ID, int(set.NSems)); err != nil {
				return now, err
			}
			now.same = slices.Equal(latest, shown)
		}
		now.set, err = s.host.SemStat(set.ID)
		now.set = semGuard(now.set, idle)
		return now, err
	}
	words := func(l semLook) facts {
		if l.same {
			return semFacts(l.set, shown, idle)
		}
		return semFacts(l.set, latest, idle)
	}
	st.do = guarded(semLook{semGuard(set, idle), true}, look, words, func() error { return s.admin.SemRemove(set.ID) },
		"removed")
}

// semGuard leaves out of a set what semFacts does not guard.
func semGuard(s sysv.SemSet, idle bool) sysv.SemSet {
	if !idle {
		s.OTime = 0
	}
	return s
}

// lastOperators names the living processes that changed a semaphore last (sempid). Such a process may hold the
// semaphore, or use it again. sempid changes with every semop on its semaphore, otime with every semop on the set. If
// otime is set and no semaphore has a pid, the last process was outside this pid namespace, or its end left no pid. In
// the second case the verdict knows that all past users are gone.
func (s *survey) lastOperators(r schema.Ref, set sysv.SemSet, values []sysv.SemValue) []string {
	var lines []string
	seen := map[int32]bool{0: true}
	for _, v := range values {
		if seen[v.Pid] {
			continue
		}
		seen[v.Pid] = true
		if line, lives := s.lastUser(v.Pid, max(set.OTime, set.CTime), "last operation"); lives {
			lines = append(lines, line)
		}
	}
	if line, lives := s.lastUser(0, set.OTime, "last operation"); lives && len(seen) == 1 &&
		len(values) > 0 && !s.deserted(r) {
		lines = append(lines, line)
	}
	return lines
}

// deserted tells that an object has no user, and that all its known past users are gone.
func (s *survey) deserted(r schema.Ref) bool {
	o := s.snap.Find(r)
	if o == nil {
		return false
	}
	j := leaks.VerdictOf(o)
	return j != nil && (j.Verdict == relate.Orphan || j.Verdict == relate.Suspect)
}

// semFacts guards the last operation and the semaphores if the plan showed the set as idle; see msgFacts. A changed
// ctime always refuses the removal: it may be a new set under the same id. SETVAL changes ctime too.
func semFacts(s sysv.SemSet, values []sysv.SemValue, idle bool) facts {
	blocked, sum := 0, 0
	last := map[int32]bool{}
	for _, v := range values {
		blocked += v.NCount + v.ZCount
		sum += int(v.Value)
		last[v.Pid] = true
	}
	pids := slices.Sorted(maps.Keys(last))
	return append(perm(s.IPCPerm), facts{
		{"nsems", s.NSems, true}, {"ctime", moment(s.CTime), true}, {"otime", moment(s.OTime), idle},
		{"blocked", blocked, idle}, {"sum of values", sum, idle}, {"sempids", fmt.Sprint(pids), idle},
	}...)
}
