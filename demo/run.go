package demo

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/own"
)

// Options tell Start what to set up.
type Options struct {
	Scenarios []string // names; empty: all
	Dir       string   // place of the private directory for FIFOs and sockets, at most 74 bytes; "": os.TempDir()
	StateDir  string   // place of the state file; "": own.StateDir
	Stderr    *os.File // for the text of a crashing worker; nil: nowhere
}

// Failure is a scenario that could not be set up on this machine.
type Failure struct {
	Scenario string
	Err      error
}

func (f Failure) Error() string { return f.Scenario + ": " + f.Err.Error() }
func (f Failure) Unwrap() error { return f.Err }

// Running is a demo. Its objects are there until Stop.
type Running struct {
	state         *own.Dir // has the state file
	journal       journal
	dir, tempDir  string
	lifelineRead  *os.File
	lifelineWrite *os.File
	stderr        *os.File
	failures      []Failure

	mu      sync.Mutex
	objects []Object

	reaping sync.WaitGroup
	stop    func() (Report, error)
}

// Start sets up the scenarios. It returns when each has reached its state. The end of ctx stops Start, and what was
// made is removed. After Start has returned, only Stop ends the demo.
//
// A scenario that fails does not stop the others: see Failures. The error is an *UnknownScenarioError, the error of
// ctx, or the reason why no scenario could be set up.
func Start(ctx context.Context, opts Options) (*Running, error) {
	scenarios, err := choose(opts.Scenarios)
	if err != nil {
		return nil, err
	}
	if opts.StateDir == "" {
		if opts.StateDir, err = own.StateDir(os.Getenv); err != nil {
			return nil, err
		}
	}
	if opts.Dir == "" {
		if opts.Dir = os.TempDir(); len(opts.Dir) > maxDir {
			opts.Dir = "/tmp"
		}
	}
	if len(opts.Dir) > maxDir {
		return nil, fmt.Errorf("the directory %s has more than %d bytes, so that sockets' paths would be too long",
			opts.Dir, maxDir)
	}
	// A shell may have left descriptors open. The workers must not keep the pipes of others open. This needs Linux
	// 5.11, and an older kernel leaves the descriptors.
	_ = unix.CloseRange(3, ^uint(0)>>32, unix.CLOSE_RANGE_CLOEXEC)
	r := &Running{stderr: opts.Stderr, tempDir: opts.Dir}
	r.stop = sync.OnceValues(r.end)
	if r.lifelineRead, r.lifelineWrite, err = os.Pipe(); err != nil {
		return nil, err
	}
	if r.state, err = own.OpenDir(opts.StateDir, true); err == nil {
		if r.journal, err = createJournal(r.state); err != nil {
			err = errors.Join(err, r.state.Close())
		}
	}
	if err != nil {
		return nil, errors.Join(err, r.lifelineRead.Close(), r.lifelineWrite.Close())
	}
	for _, scenario := range scenarios {
		if ctx.Err() != nil {
			break
		}
		s := &stage{ctx: ctx, run: r, scenario: scenario}
		if err := s.finish(scenario.set(s)); err != nil {
			r.fail(Failure{Scenario: scenario.Name, Err: err})
		}
	}
	if ctx.Err() != nil || len(r.failures) == len(scenarios) {
		errs := []error{ctx.Err()}
		if ctx.Err() == nil {
			for _, f := range r.failures {
				errs = append(errs, f)
			}
		}
		_, err := r.Stop()
		return nil, errors.Join(append(errs, err)...)
	}
	return r, nil
}

// Objects returns the objects of the demo, by scenario in the order shown.
func (r *Running) Objects() []Object {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.objects)
}

// Failures returns the scenarios that could not be set up.
func (r *Running) Failures() []Failure { return slices.Clone(r.failures) }

// Stop ends all workers and removes all that was made. It is no error if somebody else has removed a thing before. Only
// what the Report names is left. A second call returns the same result.
func (r *Running) Stop() (Report, error) { return r.stop() }

func (r *Running) end() (Report, error) {
	r.lifelineWrite.Close()
	r.lifelineRead.Close()
	report, err := cleanFile(r.state, filepath.Base(r.journal.file.Name()))
	r.reaping.Wait()
	return report, errors.Join(err, r.journal.file.Close(), r.state.Close())
}

// add keeps an object. A later report of the same object replaces the earlier one.
func (r *Running) add(o Object) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.objects {
		if r.objects[i].Ref == o.Ref && r.objects[i].PID == o.PID {
			r.objects[i] = o
			return
		}
	}
	r.objects = append(r.objects, o)
}

// fail keeps a failure. The objects of the scenario are no longer shown, and Stop removes them.
func (r *Running) fail(f Failure) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, f)
	r.objects = slices.DeleteFunc(r.objects, func(o Object) bool { return o.Scenario == f.Scenario })
}

// reap waits for the end of the worker, so that no zombie stays.
func (r *Running) reap(c *child) {
	r.reaping.Go(func() { c.process.Wait() })
}

// maxDir is the space for the directory in the path of a socket. struct sockaddr_un has room for 107 bytes and a NUL
// (man 7 unix).
const maxDir = 107 - len("/ipctop-demo-0123456789/seqpacket")

// makeDir makes the private directory for FIFOs, sockets and files.
func (r *Running) makeDir() error {
	var random [5]byte
	if _, err := unix.Getrandom(random[:], 0); err != nil {
		return fmt.Errorf("getrandom: %w", err)
	}
	dir := filepath.Join(r.tempDir, "ipctop-demo-"+hex.EncodeToString(random[:]))
	if _, err := r.journal.path("dir", dir, func() error { return os.Mkdir(dir, 0o700) }); err != nil {
		return err
	}
	r.dir = dir
	return nil
}
