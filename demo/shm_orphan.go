package demo

// shmOrphan is a segment as a crashed program leaves it.
func shmOrphan() Scenario {
	return Scenario{
		Name: "shm-orphan", Title: "orphaned segment whose creator is gone",
		LookFor: "nattch 0, and no process has the creator's pid (cpid) any more: it can be removed",
		set: func(s *stage) error {
			creator, err := s.start("creator", nil)
			if err != nil {
				return err
			}
			return s.gone(creator)
		},
		roles: map[string]func(*role) error{
			"creator": func(r *role) error {
				if err := leaveUsers(r.host); err != nil {
					return err
				}
				e, err := r.segment(false, "left behind\n")
				if err != nil {
					return err
				}
				r.reportSysV(e, "nobody has it attached; this pid is the creator's, which has ended")
				r.ready()
				return nil
			},
		},
	}
}
