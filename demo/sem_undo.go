package demo

import (
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/sysv"
)

// semUndo is a semaphore that serves as a mutex. Its holder took it with SEM_UNDO, so the kernel gives it back when the
// holder ends.
func semUndo() Scenario {
	return Scenario{
		Name: "sem-undo", Title: "semaphore held with SEM_UNDO",
		LookFor: "demo-holder has taken the only semaphore, demo-next waits for it; ending demo-holder hands it over",
		set: func(s *stage) error {
			holder, err := s.start("holder", nil)
			if err != nil {
				return err
			}
			next, err := s.withID(holder, "next")
			if err != nil {
				return err
			}
			return s.blocked(next[0], unix.SYS_SEMTIMEDOP)
		},
		roles: map[string]func(*role) error{
			"holder": func(r *role) error {
				e, err := r.semaphores(1)
				if err != nil {
					return err
				}
				if err := r.admin.SemOp(e.ID, []sysv.SemOp{takeUndo(0)}, forever); err != nil {
					return err
				}
				r.reportSysV(e, "this process holds semaphore 0 with SEM_UNDO; it is the last pid")
				r.ready()
				return r.park()
			},
			"next": func(r *role) error {
				return r.waitOn("this process waits for semaphore 0", takeUndo(0))
			},
		},
	}
}

// takeUndo takes 1 from a semaphore. The kernel gives it back when the process ends (SEM_UNDO, man 2 semop).
func takeUndo(num uint16) sysv.SemOp {
	return sysv.SemOp{Num: num, Op: -1, Flags: sysv.SemUndo}
}
