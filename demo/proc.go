package demo

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// readStat reads /proc/PID/stat.
func readStat(pid int) (process.ProcStat, error) {
	path := fmt.Sprintf("/proc/%d/stat", pid)
	text, err := os.ReadFile(path)
	if err != nil {
		return process.ProcStat{}, err
	}
	st, err := process.ParseProcStat(text)
	if err != nil {
		return st, fmt.Errorf("read %s: %w", path, err)
	}
	return st, nil
}

// alive reports true if the process with this start time is still there. It may be a zombie.
func alive(pid int, start uint64) bool {
	st, err := readStat(pid)
	return err == nil && st.Start == start
}

// statusLine returns one field of /proc/PID/status. Every user may read it.
func statusLine(pid int, name string) (string, error) {
	path := fmt.Sprintf("/proc/%d/status", pid)
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(value), nil
		}
	}
	return "", fmt.Errorf("read %s: no line %s", path, name)
}

// settleTime is the time for which a wait must look the same.
const settleTime = 5 * time.Millisecond

// awaitBlocked waits until the main thread of the process sleeps in one of the system calls.
func awaitBlocked(ctx context.Context, pid int, calls ...uintptr) error {
	last, since := "", time.Time{}
	return await(ctx, fmt.Sprintf("process %d to block", pid), func() (bool, error) {
		now, err := sleepsIn(pid, calls)
		if err != nil || now == "" || now != last {
			last, since = now, time.Now()
			return false, err
		}
		return time.Since(since) >= settleTime, nil
	})
}

// sleepsIn returns a text that stays the same while the main thread sleeps in one of the calls; "": it does not sleep
// there.
func sleepsIn(pid int, calls []uintptr) (string, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/syscall", pid, pid))
	if sys.Denied(err) {
		// ptrace_scope 2 and 3 of Yama hide the call even from the parent. But a sleeping thread has no context
		// switches.
		st, err := readStat(pid)
		if err != nil || st.State != 'S' {
			return "", err
		}
		return statusLine(pid, "voluntary_ctxt_switches")
	}
	if err != nil {
		return "", err
	}
	nr, _, _ := strings.Cut(string(text), " ")
	n, err := strconv.ParseUint(nr, 10, 64)
	if err != nil || !slices.Contains(calls, uintptr(n)) {
		return "", nil // "running", "-1" (stopped), or another call
	}
	return string(text), nil
}

// awaitState waits until wanted accepts /proc/PID/stat.
func awaitState(ctx context.Context, pid int, what string, wanted func(process.ProcStat) bool) error {
	return await(ctx, fmt.Sprintf("process %d to be %s", pid, what), func() (bool, error) {
		st, err := readStat(pid)
		return err == nil && wanted(st), err
	})
}

// readyTime is the time limit for reaching a state.
const readyTime = 10 * time.Second

// await repeats ok until it returns true or an error, until readyTime is over, or until ctx ends.
func await(ctx context.Context, what string, ok func() (bool, error)) error {
	return awaitFor(ctx, readyTime, what, ok)
}

func awaitFor(ctx context.Context, limit time.Duration, what string, ok func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for pause := time.Millisecond; ; pause = min(2*pause, 20*time.Millisecond) {
		done, err := ok()
		if err != nil {
			return fmt.Errorf("wait for %s: %w", what, err)
		}
		if done {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", what, ctx.Err())
		case <-time.After(pause):
		}
	}
}

func bootID() (string, error) {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(text)), err
}
