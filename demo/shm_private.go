package demo

// shmPrivate is a segment without a key (IPC_PRIVATE, man 2 shmget). Programs that share it only with forked children
// make it.
func shmPrivate() Scenario {
	return Scenario{
		Name: "shm-private", Title: "segment with a private key",
		LookFor: "key 0x00000000",
		set: func(s *stage) error {
			_, err := s.start("shm-priv", nil)
			return err
		},
		roles: map[string]func(*role) error{
			"shm-priv": func(r *role) error {
				e, err := r.segment(true, "found by its id alone\n")
				if err != nil {
					return err
				}
				r.reportSysV(e, "key 0x00000000; this process made it and has it attached")
				r.ready()
				return r.park()
			},
		},
	}
}
