package demo

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// start says how a worker is to be started.
type start struct {
	scenario, role    string
	args              []string
	lifeline, journal *os.File
	extra             []*os.File // descriptors extraFD and up
	stderr            *os.File
	attr              syscall.SysProcAttr
}

// child is the starter's view of a worker.
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

// await waits until the worker calls ready once more. Objects that it reports meanwhile go to c.found.
func (c *child) await(ctx context.Context) error {
	c.report.SetReadDeadline(time.Now().Add(readyTime))
	stop := context.AfterFunc(ctx, func() { c.report.SetReadDeadline(time.Now()) })
	defer stop()
	for c.lines.Scan() {
		var m message
		if err := json.Unmarshal(c.lines.Bytes(), &m); err != nil {
			return fmt.Errorf("demo worker %s: %w", c.name, err)
		}
		switch {
		case m.Error != "":
			return fmt.Errorf("demo worker %s: %s", c.name, m.Error)
		case m.Object != nil && c.found != nil:
			c.found(*m.Object)
		case m.Ready:
			return nil
		}
	}
	err := c.lines.Err()
	if err == nil || errors.Is(err, io.EOF) {
		err = errNotReady
	}
	return fmt.Errorf("demo worker %s: %w", c.name, errors.Join(err, ctx.Err()))
}
