package demo

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/schema"
)

// processes is a parent with one child for each state that a process list should show.
func processes() Scenario {
	return Scenario{
		Name: "processes", Title: "process tree with a zombie, a stopped process, a daemon and more",
		LookFor: "below demo-tree: a zombie, a stopped one, a session of its own, one that ignores " +
			"SIGTERM, a niced one",
		set: func(s *stage) error {
			_, err := s.start("tree", nil)
			return err
		},
		roles: map[string]func(*role) error{
			"tree":     growTree,
			"zombie":   func(r *role) error { r.ready(); return nil },
			"stopped":  beStopped,
			"daemon":   beDaemon,
			"stubborn": beStubborn,
			"niced":    beNiced,
		},
	}
}

// growTree starts the children, and checks the state of each from outside.
func growTree(r *role) error {
	if err := r.process(os.Getpid(), "the parent of the other five, which never waits for its children"); err != nil {
		return err
	}
	own, err := readStat(os.Getpid())
	if err != nil {
		return err
	}
	for _, leaf := range []struct {
		role, lookFor string
		attr          syscall.SysProcAttr
		state         string
		reached       func(pid int, st process.ProcStat) bool
	}{
		{role: "zombie", lookFor: "state Z: it has ended and its parent has not waited for it", state: "a zombie",
			reached: func(_ int, st process.ProcStat) bool { return st.State == 'Z' }},
		{role: "stopped", lookFor: "state T: SIGCONT would let it go on", state: "stopped",
			reached: func(_ int, st process.ProcStat) bool { return st.State == 'T' }},
		{role: "daemon", lookFor: "leader of a session of its own, without a terminal",
			attr: syscall.SysProcAttr{Setsid: true}, state: "a session leader",
			reached: func(pid int, st process.ProcStat) bool { return st.SID == pid }},
		{role: "stubborn", lookFor: "ignores SIGTERM: only SIGKILL ends it", state: "deaf to SIGTERM",
			reached: func(pid int, _ process.ProcStat) bool { return ignores(pid, unix.SIGTERM) }},
		{role: "niced", lookFor: "nice 10 more than its parent", state: "niced",
			reached: func(_ int, st process.ProcStat) bool { return st.Nice == niced(own.Nice) }},
	} {
		c, err := r.start(leaf.role, leaf.attr)
		if err != nil {
			return err
		}
		if err := c.await(context.Background()); err != nil {
			return err
		}
		err = awaitState(context.Background(), c.pid, leaf.state,
			func(st process.ProcStat) bool { return leaf.reached(c.pid, st) })
		if err != nil {
			return err
		}
		if err := c.finish(context.Background()); err != nil {
			return err
		}
		if err := r.process(c.pid, leaf.lookFor); err != nil {
			return err
		}
	}
	r.ready()
	return r.park()
}

// process reports a process.
func (r *role) process(pid int, lookFor string) error {
	st, err := readStat(pid)
	if err != nil {
		return err
	}
	r.object(Object{Ref: schema.Ref{Kind: schema.Proc, ID: uint64(pid), Gen: st.Start}, PID: pid, LookFor: lookFor})
	return nil
}

func beStopped(r *role) error {
	r.settled()
	// The whole process stops, although the signal goes to one thread (man 7 signal).
	if err := unix.Kill(os.Getpid(), unix.SIGSTOP); err != nil {
		return err
	}
	return r.park()
}

func beDaemon(r *role) error {
	// Daemons do this so that no file system stays busy (man 7 daemon).
	if err := os.Chdir("/"); err != nil {
		return err
	}
	r.ready()
	return r.park()
}

func beStubborn(r *role) error {
	signal.Ignore(syscall.SIGTERM)
	r.ready()
	return r.park()
}

// niced is the nice value that nice(1) gives to a program. The highest value is 19.
func niced(nice int) int { return min(nice+10, 19) }

// beNiced sets the nice value of every thread. Linux keeps one for each thread (man 2 setpriority). Later threads
// inherit it.
func beNiced(r *role) error {
	own, err := readStat(os.Getpid())
	if err != nil {
		return err
	}
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, task := range tasks {
		tid, err := strconv.Atoi(task.Name())
		if err != nil {
			return err
		}
		if err := unix.Setpriority(unix.PRIO_PROCESS, tid, niced(own.Nice)); err != nil && err != unix.ESRCH {
			return fmt.Errorf("setpriority: %w", err)
		}
	}
	r.ready()
	return r.park()
}

// ignores reports true if the SigIgn mask of the process contains the signal (man 5 proc_pid_status: hexadecimal, bit
// n-1).
func ignores(pid int, sig syscall.Signal) bool {
	text, err := statusLine(pid, "SigIgn")
	if err != nil {
		return false
	}
	mask, err := strconv.ParseUint(text, 16, 64)
	return err == nil && mask&(1<<(sig-1)) != 0
}
