package demo

// shmLocked is a segment that is never swapped out. It is small because an ordinary user may lock only RLIMIT_MEMLOCK
// bytes.
func shmLocked() Scenario {
	return Scenario{
		Name: "shm-locked", Title: "segment locked in memory",
		LookFor: "status locked",
		set: func(s *stage) error {
			_, err := s.start("shm-locked", nil)
			return err
		},
		roles: map[string]func(*role) error{
			"shm-locked": func(r *role) error {
				e, err := r.segmentOf(4096, false, "never swapped out\n")
				if err != nil {
					return err
				}
				if err := r.admin.ShmLock(e.ID); err != nil {
					return err
				}
				r.reportSysV(e, "status locked; this process locked it and has it attached")
				r.ready()
				return r.park()
			},
		},
	}
}
