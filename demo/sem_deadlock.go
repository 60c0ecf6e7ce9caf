package demo

import (
	"context"
	"errors"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/schema"
	"golang.org/x/sys/unix"
)

// semDeadlock: two processes take two semaphores in opposite orders, and each waits for the other's.
func semDeadlock() Scenario {
	return Scenario{
		Name: "sem-deadlock", Title: "two processes deadlocked on two semaphores",
		LookFor: "demo-abba-a holds semaphore 0 and waits for 1, demo-abba-b holds 1 and waits for 0; ending one frees the other",
		set: func(s *stage) error {
			a, err := s.start("abba-a", nil)
			if err != nil {
				return err
			}
			b, err := s.withID(a, "abba-b")
			if err != nil {
				return err
			}
			return errors.Join(s.blocked(a, unix.SYS_SEMTIMEDOP), s.blocked(b[0], unix.SYS_SEMTIMEDOP))
		},
		roles: map[string]func(*role) error{
			"abba-a": func(r *role) error {
				e, err := r.semaphores(1, 1)
				if err != nil {
					return err
				}
				r.made(e, "this process holds semaphore 0 and waits for semaphore 1")
				return r.takeBoth(e.ID, 0, 1)
			},
			"abba-b": func(r *role) error {
				id, err := r.again(schema.Sem, "this process holds semaphore 1 and waits for semaphore 0")
				if err != nil {
					return err
				}
				return r.takeBoth(id, 1, 0)
			},
		},
	}
}

// takeBoth takes one semaphore, waits until the other one is taken, and then takes that one.
func (r *role) takeBoth(id int, first, second uint16) error {
	if err := r.admin.SemOp(id, []kernel.SemOp{takeUndo(first)}, forever); err != nil {
		return err
	}
	r.settled()
	err := await(context.Background(), "the other semaphore to be taken", func() (bool, error) {
		// Reading leaves sempid alone; a wait for zero would make us the last pid of the other's semaphore.
		values, err := r.host.SemValues(id, 2)
		return err == nil && values[second].Value == 0, err
	})
	if err != nil {
		return err
	}
	if err := r.admin.SemOp(id, []kernel.SemOp{takeUndo(second)}, forever); err != nil {
		return nil // the set was removed
	}
	return r.park()
}
