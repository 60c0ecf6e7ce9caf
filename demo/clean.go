package demo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/own"
	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// Report tells what a clean-up did.
type Report struct {
	Removed []string // "process 4242", "fifo /tmp/…/fifo", "shm 32769"
	Left    []Left
}

// Left is something that a clean-up did not touch.
type Left struct {
	What string
	Why  string
}

func (r *Report) removed(format string, args ...any) {
	r.Removed = append(r.Removed, fmt.Sprintf(format, args...))
}

func (r *Report) left(what, why string) { r.Left = append(r.Left, Left{What: what, Why: why}) }

// Clean removes what demos left behind after the end of their main process. It reads the state files in dir ("":
// own.StateDir), and removes them at the end. A state file of another user is left alone and reported: its lines could
// name anything.
//
// A thing is removed only if its whole identity is still the recorded one. Demos that still run, or that ran in other
// namespaces, are left alone and reported. The error joins the things that could not be removed. Their state file
// stays, so Clean can be called again.
func Clean(dir string) (Report, error) {
	var report Report
	if dir == "" {
		var err error
		if dir, err = own.StateDir(os.Getenv); err != nil {
			return report, err
		}
	}
	state, err := own.OpenDir(dir, false)
	if errors.Is(err, fs.ErrNotExist) {
		return report, nil
	}
	if err != nil {
		return report, err
	}
	defer state.Close()
	names, err := state.Names()
	if err != nil {
		return report, err
	}
	var errs []error
	for _, base := range names {
		if ok, err := filepath.Match("demo-*.json", base); !ok || err != nil {
			continue
		}
		name := state.Path(base)
		why, err := untouchable(state, base)
		var foreign *own.NotOwnError
		switch {
		case errors.As(err, &foreign):
			report.left(name, "it is no state file of this user: "+foreign.Why)
		case errors.Is(err, fs.ErrNotExist): // its demo has just ended
		case err != nil:
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		case why != "":
			report.left(name, why)
		default:
			one, err := cleanFile(state, base)
			report.Removed = append(report.Removed, one.Removed...)
			report.Left = append(report.Left, one.Left...)
			errs = append(errs, err)
		}
	}
	return report, errors.Join(errs...)
}

// untouchable is the reason why Clean must leave a state file alone; "": none.
func untouchable(state *own.Dir, name string) (string, error) {
	first, _, err := openJournal(state, name)
	if err != nil {
		return "", err
	}
	now, err := thisProcess()
	switch {
	case err != nil:
		return "", err
	case first.Boot != now.Boot:
		return "", nil // processes and System V objects do not survive a boot
	case first.PIDNS != now.PIDNS:
		return fmt.Sprintf("its processes are in another PID namespace (%d): clean there", first.PIDNS), nil
	case alive(first.PID, first.Start) && !isZombie(first.PID):
		return fmt.Sprintf("its demo is still running (process %d)", first.PID), nil
	case first.IPCNS != now.IPCNS:
		return fmt.Sprintf("its objects are in another IPC namespace (%d): clean there", first.IPCNS), nil
	}
	return "", nil
}

func isZombie(pid int) bool {
	st, err := readStat(pid)
	return err == nil && st.State == 'Z'
}

func openJournal(state *own.Dir, name string) (entry, []entry, error) {
	f, err := state.Open(name, os.O_RDONLY)
	if err != nil {
		return entry{}, nil, err
	}
	defer f.Close()
	return readJournal(f)
}

// cleanFile removes the things that a state file names. It also removes the file if nothing failed.
func cleanFile(state *own.Dir, name string) (Report, error) {
	var report Report
	first, things, err := openJournal(state, name)
	if err != nil {
		return report, fmt.Errorf("%s: %w", state.Path(name), err)
	}
	now, err := thisProcess()
	if err != nil {
		return report, err
	}
	var errs []error
	if first.Boot == now.Boot {
		errs = append(errs, endProcesses(things, &report))
		// The ending workers may have written until now.
		if _, things, err = openJournal(state, name); err != nil {
			return report, errors.Join(append(errs, err)...)
		}
		errs = append(errs, removeSysV(things, &report), removePosix(things, &report))
	}
	errs = append(errs, removePaths(things, &report))
	if err := errors.Join(errs...); err != nil {
		return report, err
	}
	return report, state.Remove(name)
}

// The longest time that workers may take to end by themselves, and to end after SIGKILL.
const (
	endTime  = time.Second
	killTime = 5 * time.Second
)

// endProcesses waits for the workers to end. They end when the lifeline is gone. It kills workers that do not.
func endProcesses(things []entry, report *Report) error {
	var procs []entry
	for _, e := range things {
		if e.Kind == "proc" && alive(e.PID, e.Start) {
			procs = append(procs, e)
		}
	}
	var errs []error
	begin := time.Now()
	err := awaitFor(context.Background(), endTime+killTime, "the workers to end", func() (bool, error) {
		running := false
		for _, e := range procs {
			st, err := readStat(e.PID)
			if err != nil || st.Start != e.Start || st.State == 'Z' && st.PPID != os.Getpid() {
				continue // the zombie of another parent: no signal removes it
			}
			running = true
			// A stopped process cannot watch the lifeline.
			if st.State == 'T' || time.Since(begin) > endTime {
				if err := kill(e.PID, e.Start); err != nil {
					errs = append(errs, err)
				}
			}
		}
		return !running, nil
	})
	if err != nil {
		return errors.Join(append(errs, err)...)
	}
	for _, e := range procs {
		report.removed("process %d", e.PID)
	}
	return nil
}

// kill sends SIGKILL to exactly that process. The pidfd is opened before the start time is checked: an open pidfd never
// moves on to another process with the same pid (man 2 pidfd_open).
func kill(pid int, start uint64) error {
	p, err := kernel.NewAdmin().OpenProcess(pid)
	if sys.Gone(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer p.Close()
	if !alive(pid, start) {
		return nil
	}
	if err := p.Signal(unix.SIGKILL); err != nil && !sys.Gone(err) {
		return err
	}
	return nil
}
