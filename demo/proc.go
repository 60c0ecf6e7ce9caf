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

// alive says whether the process that was started at that time is still there, be it as a zombie.
func alive(pid int, start uint64) bool {
	st, err := readStat(pid)
	return err == nil && st.Start == start
}

// statusLine returns one field of /proc/PID/status, which everybody may read.
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

// settleTime is how long a wait must look the same to count as a wait.
const settleTime = 5 * time.Millisecond

// awaitBlocked waits until the process's main thread sleeps in one of the system calls.
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

// sleepsIn returns a text that stays the same while the main thread sleeps in one of the calls, else "".
func sleepsIn(pid int, calls []uintptr) (string, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/syscall", pid, pid))
	if sys.Denied(err) {
		// Yama's ptrace_scope 2 and 3 hide the call even from the parent. Who sleeps does not switch contexts.
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

// awaitState waits until /proc/PID/stat is as wanted.
func awaitState(ctx context.Context, pid int, what string, wanted func(process.ProcStat) bool) error {
	return await(ctx, fmt.Sprintf("process %d to be %s", pid, what), func() (bool, error) {
		st, err := readStat(pid)
		return err == nil && wanted(st), err
	})
}

// readyTime is how long a state may take to be reached.
const readyTime = 10 * time.Second

// await asks again and again until ok, an error, the time limit or the context's end.
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
