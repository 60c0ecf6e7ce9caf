package demo

// shmPrivate: a segment that no key finds, as fork-only programs make it (IPC_PRIVATE, man 2 shmget).
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
				r.made(e, "key 0x00000000; this process made it and has it attached")
				r.ready()
				return r.park()
			},
		},
	}
}
