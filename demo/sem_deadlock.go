package demo

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/schema"
)

// semDeadlock is two processes that take two semaphores in opposite orders. Each waits for the semaphore of the other.
func semDeadlock() Scenario {
	return Scenario{
		Name: "sem-deadlock", Title: "two processes deadlocked on two semaphores",
		LookFor: "demo-abba-a holds semaphore 0 and waits for 1, demo-abba-b holds 1 and waits for 0; " +
			"ending one frees the other",
		set: func(s *stage) error {
			c, err := s.start("abba", nil)
			if err != nil {
				return err
			}
			return errors.Join(awaitBlocked(s.ctx, c.objects[0].PID, unix.SYS_SEMTIMEDOP),
				awaitBlocked(s.ctx, c.objects[1].PID, unix.SYS_SEMTIMEDOP))
		},
		roles: map[string]func(*role) error{"abba": abba},
	}
}

// abba makes the semaphores and starts two processes, which take one each. Then both try to take the other one.
func abba(r *role) error {
	e, err := r.semaphores(1, 1)
	if err != nil {
		return err
	}
	gate, open, err := os.Pipe()
	if err != nil {
		return err
	}
	for _, p := range []struct {
		name        string
		has, awaits uint16
	}{{"abba-a", 0, 1}, {"abba-b", 1, 0}} {
		script := new(process.Script).SemOp(e.ID, takeUndo(p.has)).Read(0).Close(0).SemOp(e.ID, takeUndo(p.awaits))
		pid, err := r.startBare(p.name, gate, nil, script)
		if err != nil {
			return err
		}
		r.object(Object{Ref: schema.Ref{Kind: schema.Sem, ID: uint64(e.ID), Gen: uint64(e.CTime)}, Key: e.Key, PID: pid,
			LookFor: fmt.Sprintf("this process holds semaphore %d and waits for semaphore %d", p.has, p.awaits)})
	}
	err = await(context.Background(), "both semaphores to be taken", func() (bool, error) {
		// Reading does not change sempid. A wait for zero would make this process the last pid.
		values, err := r.host.SemValues(e.ID, 2)
		return err == nil && values[0].Value+values[1].Value == 0, err
	})
	if err != nil {
		return err
	}
	if _, err := open.Write([]byte("go")); err != nil {
		return err
	}
	if err := errors.Join(gate.Close(), open.Close()); err != nil {
		return err
	}
	r.ready()
	return r.park()
}
