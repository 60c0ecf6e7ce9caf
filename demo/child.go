package demo

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// start tells how to start a worker.
type start struct {
	scenario, role    string
	args              []string
	lifeline, journal *os.File
	extra             []*os.File // inherited as descriptor extraFD and the next ones
	stderr            *os.File
	attr              syscall.SysProcAttr
}

// child is a worker, as the process that started it sees it.
type child struct {
	name    string // SCENARIO/ROLE
	pid     int
	process *os.Process
	report  *os.File // read end
	lines   *bufio.Scanner
	objects []Object // reported so far
	found   func(Object)
}

func startWorker(s start) (*child, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer w.Close()
	name := s.scenario + "/" + s.role
	cmd := exec.Command("/proc/self/exe", append([]string{"demo", workerFlag, name}, s.args...)...)
	cmd.Args[0] = "ipctop"
	cmd.ExtraFiles = append([]*os.File{w, s.lifeline, s.journal}, s.extra...)
	if s.stderr != nil {
		cmd.Stderr = s.stderr
	}
	cmd.SysProcAttr = &s.attr
	if err := cmd.Start(); err != nil {
		r.Close()
		return nil, fmt.Errorf("start demo worker %s: %w", name, err)
	}
	return &child{name: name, pid: cmd.Process.Pid, process: cmd.Process, report: r, lines: bufio.NewScanner(r)}, nil
}

var errNotReady = errors.New("it ended before it was ready")

// await waits until the worker calls ready once more. It passes the objects that the worker reports to c.found.
func (c *child) await(ctx context.Context) error {
	ready, err := c.read(ctx)
	if err == nil && !ready {
		err = errors.Join(errNotReady, ctx.Err())
	}
	if err != nil {
		return fmt.Errorf("demo worker %s: %w", c.name, err)
	}
	return nil
}

// finish waits until the worker has closed its report. Otherwise this pipe would be among the shown objects.
func (c *child) finish(ctx context.Context) error {
	for ready := true; ready; {
		var err error
		if ready, err = c.read(ctx); err != nil {
			return fmt.Errorf("demo worker %s: %w", c.name, err)
		}
	}
	return c.report.Close()
}

// read takes messages up to the next ready. At the end of the report it returns false.
func (c *child) read(ctx context.Context) (ready bool, err error) {
	c.report.SetReadDeadline(time.Now().Add(readyTime))
	stop := context.AfterFunc(ctx, func() { c.report.SetReadDeadline(time.Now()) })
	defer stop()
	for c.lines.Scan() {
		var m message
		if err := json.Unmarshal(c.lines.Bytes(), &m); err != nil {
			return false, err
		}
		switch {
		case m.Error != "":
			return false, errors.New(m.Error)
		case m.Object != nil && c.found != nil:
			c.found(*m.Object)
		case m.Ready:
			return true, nil
		}
	}
	return false, c.lines.Err()
}
