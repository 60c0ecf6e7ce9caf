package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ipctop/ipctop/collect/kernel"
)

// procStat is what the demo needs of /proc/PID/stat (man 5 proc_pid_stat).
type procStat struct {
	state byte // R S D Z T …
	ppid  int
	sid   int
	nice  int
	start uint64 // clock ticks since boot: with the pid, a process's identity
}

func readStat(pid int) (procStat, error) {
	path := fmt.Sprintf("/proc/%d/stat", pid)
	line, err := os.ReadFile(path)
	if err != nil {
		return procStat{}, err
	}
	st, err := parseStat(line)
	if err != nil {
		return procStat{}, fmt.Errorf("read %s: %w", path, err)
	}
	return st, nil
}

var errShortStat = errors.New("not a line of /proc/PID/stat")

// parseStat skips the comm, which may hold blanks and parentheses: the last ')' ends it.
func parseStat(line []byte) (procStat, error) {
	fields := bytes.Fields(line[bytes.LastIndexByte(line, ')')+1:])
	if len(fields) < 20 || len(fields[0]) != 1 {
		return procStat{}, errShortStat
	}
	number := func(i int) int { // field i of the manual page, whose comm is field 2
		n, _ := strconv.Atoi(string(fields[i-3]))
		return n
	}
	start, err := strconv.ParseUint(string(fields[22-3]), 10, 64)
	if err != nil {
		return procStat{}, err
	}
	return procStat{state: fields[0][0], ppid: number(4), sid: number(6), nice: number(19), start: start}, nil
}

// alive says whether the process that was started at that time is still there, be it as a zombie.
func alive(pid int, start uint64) bool {
	st, err := readStat(pid)
	return err == nil && st.start == start
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
	if kernel.Denied(err) {
		// Yama's ptrace_scope 2 and 3 hide the call even from the parent. Who sleeps does not switch contexts.
		st, err := readStat(pid)
		if err != nil || st.state != 'S' {
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
func awaitState(ctx context.Context, pid int, what string, wanted func(procStat) bool) error {
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

// namespaceInode returns the inode number of the process's own namespace of that kind ("ipc", "pid").
func namespaceInode(kind string) (uint64, error) {
	// thread-self: a Go program may have switched the namespaces of another thread.
	path := filepath.Join("/proc/thread-self/ns", kind)
	link, err := os.Readlink(path)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(strings.TrimSuffix(strings.TrimPrefix(link, kind+":["), "]"), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", path, err)
	}
	return n, nil
}

func bootID() (string, error) {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(text)), err
}
