package demo

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/schema"
)

// pipeRing is a ring of three processes. Each waits for a byte from the process before it, to pass it on. Nobody has a
// first byte.
func pipeRing() Scenario {
	return Scenario{
		Name: "pipe-ring", Title: "three processes deadlocked on pipes in a ring",
		LookFor: "demo-ring-1, -2 and -3 each read from a pipe that only the one before writes to; " +
			"ending one gives the next the end of its pipe",
		set: func(s *stage) error {
			c, err := s.start("ring", nil)
			if err != nil {
				return err
			}
			var errs []error
			for _, o := range c.objects {
				errs = append(errs, awaitBlocked(s.ctx, o.PID, unix.SYS_READ))
			}
			return errors.Join(errs...)
		},
		roles: map[string]func(*role) error{"ring": ring},
	}
}

func ring(r *role) error {
	const n = 3
	var reads, writes [n]*os.File
	for i := range n {
		var err error
		if reads[i], writes[i], err = os.Pipe(); err != nil {
			return err
		}
	}
	for i := range n {
		ino, err := inode(int(reads[i].Fd()))
		if err != nil {
			return err
		}
		script := new(process.Script).Read(0).Write(1, 1)
		pid, err := r.startBare(fmt.Sprintf("ring-%d", i+1), reads[i], writes[(i+1)%n], script)
		if err != nil {
			return err
		}
		r.object(Object{Ref: schema.Ref{Kind: schema.Pipe, ID: ino}, PID: pid,
			LookFor: fmt.Sprintf("this process reads from it; demo-ring-%d alone writes to it, and waits as well",
				(i+n-1)%n+1)})
	}
	// With the ends open here nobody would read an end of file.
	for i := range n {
		if err := errors.Join(reads[i].Close(), writes[i].Close()); err != nil {
			return err
		}
	}
	r.ready()
	return r.park()
}
