package demo

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// stage sets up a scenario in the main process.
type stage struct {
	ctx      context.Context
	run      *Running
	scenario Scenario
	started  []*child
}

// start starts a worker, and waits until it is ready for the first time. The worker inherits extra as descriptor
// extraFD and the next ones.
func (s *stage) start(role string, args []string, extra ...*os.File) (*child, error) {
	c, err := startWorker(start{
		scenario: s.scenario.Name, role: role, args: args, extra: extra,
		lifeline: s.run.lifelineRead, journal: s.run.journal.file, stderr: s.run.stderr,
		// The worker has its own process group. So Ctrl-C on the terminal reaches only the main process, which then
		// removes everything.
		attr: syscall.SysProcAttr{Setpgid: true},
	})
	if err != nil {
		return nil, err
	}
	c.found = func(o Object) {
		c.objects = append(c.objects, o)
		s.run.add(o)
	}
	s.started = append(s.started, c)
	s.run.reap(c)
	return c, c.await(s.ctx)
}

// finish waits until the workers have closed their reports. After a failure, err, it ends them.
func (s *stage) finish(err error) error {
	for _, c := range s.started {
		if err == nil {
			err = c.finish(s.ctx)
		}
	}
	for _, c := range s.started {
		if err != nil {
			c.process.Kill()
		}
		c.report.Close()
	}
	return err
}

// blocked waits until the main thread of the worker sleeps in one of the system calls.
func (s *stage) blocked(c *child, calls ...uintptr) error {
	return awaitBlocked(s.ctx, c.pid, calls...)
}

// gone waits until the worker has ended and was reaped.
func (s *stage) gone(c *child) error {
	return await(s.ctx, c.name+" to end", func() (bool, error) {
		_, err := readStat(c.pid)
		if sys.Gone(err) {
			return true, nil
		}
		return false, err
	})
}

// path returns a path for a FIFO, socket or file in the private directory of the demo. The first call makes the
// directory.
func (s *stage) path(name string) (string, error) {
	if s.run.dir == "" {
		if err := s.run.makeDir(); err != nil {
			return "", err
		}
	}
	return filepath.Join(s.run.dir, name), nil
}

// pair starts two workers that share a path. The second starts when the first is ready.
func (s *stage) pair(name, first, second string) (*child, *child, error) {
	path, err := s.path(name)
	if err != nil {
		return nil, nil, err
	}
	a, err := s.start(first, []string{path})
	if err != nil {
		return nil, nil, err
	}
	b, err := s.start(second, []string{path})
	return a, b, err
}

// ready waits until each of the workers is ready once more.
func (s *stage) ready(workers ...*child) error {
	errs := make([]error, 0, len(workers))
	for _, c := range workers {
		errs = append(errs, c.await(s.ctx))
	}
	return errors.Join(errs...)
}

// withID starts workers. Their argument is the id of the object that worker maker made.
func (s *stage) withID(maker *child, roles ...string) ([]*child, error) {
	var started []*child
	for _, role := range roles {
		c, err := s.start(role, []string{strconv.FormatUint(maker.objects[0].Ref.ID, 10)})
		if err != nil {
			return started, err
		}
		started = append(started, c)
	}
	return started, nil
}
