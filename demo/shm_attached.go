package demo

import (
	"github.com/ipctop/ipctop/collect/schema"
)

// shmAttached is the healthy case: a segment that two processes use.
func shmAttached() Scenario {
	return Scenario{
		Name: "shm-attached", Title: "attached shared memory segment",
		LookFor: "nattch 2; demo-shm-owner made it and has it mapped, demo-shm-user too",
		set: func(s *stage) error {
			owner, err := s.start("shm-owner", nil)
			if err != nil {
				return err
			}
			_, err = s.withID(owner, "shm-user")
			return err
		},
		roles: map[string]func(*role) error{
			"shm-owner": func(r *role) error {
				e, err := r.segment(false, "in use by two processes\n")
				if err != nil {
					return err
				}
				r.reportSysV(e, "this process made it and has it attached")
				r.ready()
				return r.park()
			},
			"shm-user": func(r *role) error {
				id, err := r.reportOtherSysV(schema.Shm, "this process has it attached; it is the last one that "+
					"attached (lpid)")
				if err != nil {
					return err
				}
				if _, err := r.admin.ShmAttach(id, true); err != nil {
					return err
				}
				r.ready()
				return r.park()
			},
		},
	}
}
