package demo

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/schema"
)

// semWaiters is a set with two waiters: one for a rise (semncnt) and one for zero (semzcnt).
func semWaiters() Scenario {
	return Scenario{
		Name: "sem-waiters", Title: "semaphore set with waiters",
		LookFor: "semaphore 0 has value 0 and semncnt 1, semaphore 1 value 1 and semzcnt 1, " +
			"semaphore 2 value 5 and nobody",
		set: func(s *stage) error {
			maker, err := s.start("semset", nil)
			if err != nil {
				return err
			}
			waiters, err := s.withID(maker, "ncnt-wait", "zcnt-wait")
			for _, c := range waiters {
				err = errors.Join(err, s.blocked(c, unix.SYS_SEMTIMEDOP))
			}
			return err
		},
		roles: map[string]func(*role) error{
			"semset": func(r *role) error {
				e, err := r.semaphores(0, 1, 5)
				if err != nil {
					return err
				}
				r.reportSysV(e, "this process made the set")
				r.ready()
				return r.park()
			},
			"ncnt-wait": func(r *role) error {
				return r.waitOn("this process waits until semaphore 0 rises (semncnt 1)", sysv.SemOp{Num: 0, Op: -1})
			},
			"zcnt-wait": func(r *role) error {
				return r.waitOn("this process waits until semaphore 1 is zero (semzcnt 1)", sysv.SemOp{Num: 1, Op: 0})
			},
		},
	}
}

// waitOn sleeps in one operation on a set, and then keeps what it got. The worker's first argument is the id of the
// set.
func (r *role) waitOn(lookFor string, op sysv.SemOp) error {
	id, err := r.reportOtherSysV(schema.Sem, lookFor)
	if err != nil {
		return err
	}
	r.settled()
	if err := r.admin.SemOp(id, []sysv.SemOp{op}, forever); err != nil {
		return nil // the set was removed
	}
	return r.park()
}

// forever means no time limit for a semaphore operation.
const forever = -1
