package demo

import (
	"github.com/ipctop/ipctop/collect/kernel/sysv"
)

// shmDest is a segment that was removed while attached. It has lost its key, and it lives until the last detach (man 2
// shmctl, IPC_RMID).
func shmDest() Scenario {
	return Scenario{
		Name: "shm-dest", Title: "removed segment that is still attached",
		LookFor: "status dest, key 0; its memory is free once demo-shm-dest has ended",
		set: func(s *stage) error {
			_, err := s.start("shm-dest", nil)
			return err
		},
		roles: map[string]func(*role) error{
			"shm-dest": func(r *role) error {
				e, err := r.segment(false, "removed, not gone\n")
				if err != nil {
					return err
				}
				if err := r.admin.ShmRemove(e.ID); err != nil {
					return err
				}
				e.Key = sysv.KeyPrivate
				r.reportSysV(e, "status dest; this process still has it attached")
				r.ready()
				return r.park()
			},
		},
	}
}
