package actions

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/schema"
)

// semaphores are what Set reads of a set whose values it changes; empty if it changes none.
type semaphores struct {
	values  map[int]uint16 // of the semaphores that are to be set
	blocked string         // the tasks that wait for any semaphore of the set: see blockedAt
}

// semaphores reads them.
func (s *setter) semaphores(r schema.Ref, nsems uint64) (semaphores, error) {
	if s.to.Values == nil {
		return semaphores{}, nil
	}
	for num := range s.to.Values {
		if uint64(num) >= nsems {
			return semaphores{}, refuse("it has no semaphore %d: its %s have the numbers 0 to %d", num,
				schema.Counted(nsems, "semaphore"), nsems-1)
		}
	}
	all, err := s.host.SemValues(int(r.ID), int(nsems))
	if err != nil {
		return semaphores{}, err
	}
	before := map[int]uint16{}
	for num := range s.to.Values {
		before[num] = uint16(all[num].Value)
	}
	return semaphores{before, blockedAt(all)}, nil
}

// blockedAt counts the tasks that wait, and names their semaphores: "0", "3: 2 for sval[0], 1 for sval[4] to be zero".
// The kernel counts a task at the semaphore that blocks it (count_semcnt in ipc/sem.c).
func blockedAt(all []sysv.SemValue) string {
	n, at := 0, []string(nil)
	for num, v := range all {
		n += v.NCount + v.ZCount
		if v.NCount > 0 {
			at = append(at, fmt.Sprintf("%d for %s[%d]", v.NCount, semaphoreValue, num))
		}
		if v.ZCount > 0 {
			at = append(at, fmt.Sprintf("%d for %s[%d] to be zero", v.ZCount, semaphoreValue, num))
		}
	}
	if n == 0 {
		return "0"
	}
	return fmt.Sprintf("%d: %s", n, strings.Join(at, ", "))
}

// awakes adds the threads that the new values wake, and what the kernel forgets with SETVAL.
func (s *setter) awakes(st *Step, before map[int]uint16) {
	o := s.snap.Find(st.Ref)
	if before == nil || o == nil {
		return
	}
	s.waitersReason(st.Ref)
	row := o.Row.(*kinds.SemRow)
	values := slices.Clone(row.Values)
	for num, value := range s.to.Values {
		if num < len(values) {
			values[num].Value = value
		}
	}
	st.Affected = append(st.Affected, "SEM_UNDO: the kernel forgets what processes would give back at their end "+
		"to the semaphores that are set")
	seen := 0
	for _, w := range row.Blocked {
		seen++
		call := processName(w.Comm, w.PID) + " is blocked in " + w.Via
		switch _, blocked := sysv.BlockedOp(w.Ops, values); {
		case len(w.Ops) == 0:
			st.Affected = append(st.Affected, call+": its operations cannot be read, so it may go on")
		case blocked:
			st.Affected = append(st.Affected, call+": it stays blocked")
		default:
			st.Affected = append(st.Affected, call+": it goes on, unless another waiter takes the value first")
		}
	}
	counted := 0
	for _, v := range row.Values {
		counted += v.NCount + v.ZCount
	}
	if counted > seen {
		st.Affected = append(st.Affected, schema.Counted(counted-seen, "more blocked task")+
			" that cannot be named from here may go on")
	}
}
