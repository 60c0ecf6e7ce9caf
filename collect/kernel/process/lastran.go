package process

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"runtime"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/scan"
	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// RunClock measures how long ago threads last ran. That is the length of their present sleep: no file has the time at
// which a sleep began. /proc/PID/task/TID/sched has se.exec_start. It is the time at which a thread left its CPU, on
// the clock of the run queue (kernel/sched/debug.c, update_curr in kernel/sched/fair.c).
//
// Each CPU has its own clock. It lacks the time that the CPU lost to interrupts and to the hypervisor since boot
// (update_rq_clock_task in kernel/sched/core.c): seconds on one machine, hours on another. So RunClock measures each
// CPU's clock once. For that the calling thread moves to the CPU. RunClock leaves out CPUs on which the process may
// not run, such as isolated CPUs. Use one RunClock for the questions of one moment, from one goroutine.
type RunClock struct {
	allowed unix.CPUSet
	lag     map[int]time.Duration // by CPU: CLOCK_MONOTONIC minus the CPU's clock
}

// errNoClock is for a CPU whose clock RunClock cannot measure.
var errNoClock = errors.New("not a CPU that this process runs on")

// NewRunClock reads on which CPUs the process may run.
func NewRunClock() (*RunClock, error) {
	r := &RunClock{lag: map[int]time.Duration{}}
	if err := unix.SchedGetaffinity(0, &r.allowed); err != nil {
		return nil, fmt.Errorf("sched_getaffinity: %w", err)
	}
	return r, nil
}

// LastRan is the time since the thread last ran. A moment counts: a signal that it caught, a spurious wakeup. The
// time in suspend does not count. The time that the CPU has lost since does not count; it is mostly a few
// thousandths. 0: the thread runs. Any user may ask about any thread. It costs 25 microseconds, and 20 to 60 more for
// each new CPU.
//
// fs.ErrNotExist: the thread is gone, or the kernel has no such file (before 6.15 without CONFIG_SCHED_DEBUG).
func (r *RunClock) LastRan(p Dir, tid int) (time.Duration, error) {
	if !p.live {
		return 0, sys.ErrNotLive
	}
	dir := "task/" + strconv.Itoa(tid)
	text, err := p.Read(dir+"/stat", nil)
	if err != nil {
		return 0, err
	}
	state, cpu, ok := parseStatCPU(text)
	if !ok {
		return 0, fmt.Errorf("read /proc/%d/%s/stat: %w", p.PID, dir, scan.ErrShort)
	}
	if state == 'R' {
		return 0, nil
	}
	if text, err = p.Read(dir+"/sched", text); err != nil {
		return 0, err
	}
	ran, ok := parseExecStart(text)
	if !ok {
		return 0, fmt.Errorf("read /proc/%d/%s/sched: %w", p.PID, dir, scan.ErrShort)
	}
	lag, err := r.clockLag(cpu)
	if err != nil {
		return 0, fmt.Errorf("clock of CPU %d: %w", cpu, err)
	}
	now, err := monotonic()
	return max(0, now-lag-ran), err
}

// clockLag is CLOCK_MONOTONIC minus a CPU's clock.
func (r *RunClock) clockLag(cpu int) (time.Duration, error) {
	if lag, ok := r.lag[cpu]; ok {
		return lag, nil
	}
	if cpu < 0 || !r.allowed.IsSet(cpu) {
		return 0, errNoClock
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var one unix.CPUSet
	one.Set(cpu)
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		return 0, fmt.Errorf("sched_setaffinity: %w", err)
	}
	lag, err := clockLagHere()
	if back := unix.SchedSetaffinity(0, &r.allowed); err == nil && back != nil {
		err = fmt.Errorf("sched_setaffinity: %w", back)
	}
	if err == nil {
		r.lag[cpu] = lag
	}
	return lag, err
}

// clockLagHere measures the clock of the present CPU by the calling thread, which runs. Reading the thread's CPU time
// updates exec_start. Otherwise only a tick updates it (task_sched_runtime in kernel/sched/core.c).
func clockLagHere() (time.Duration, error) {
	var cpuTime unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &cpuTime); err != nil {
		return 0, fmt.Errorf("CLOCK_THREAD_CPUTIME_ID: %w", err)
	}
	now, err := monotonic()
	if err != nil {
		return 0, err
	}
	const path = "/proc/thread-self/sched"
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("open %s: %w", path, err)
	}
	defer unix.Close(fd)
	buf := make([]byte, 4096)
	n, err := unix.Read(fd, buf)
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", path, err)
	}
	here, ok := parseExecStart(buf[:n])
	if !ok {
		return 0, fmt.Errorf("read %s: %w", path, scan.ErrShort)
	}
	return now - here, nil
}

func monotonic() (time.Duration, error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return 0, fmt.Errorf("CLOCK_MONOTONIC: %w", err)
	}
	return time.Duration(ts.Nano()), nil
}

// parseExecStart reads the line "se.exec_start : 11646213.683412", in milliseconds. ok is false for 0: the thread has
// not run on its CPU yet.
func parseExecStart(text []byte) (time.Duration, bool) {
	for line := range bytes.Lines(text) {
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok || string(bytes.TrimSpace(name)) != "se.exec_start" {
			continue
		}
		whole, frac, ok := bytes.Cut(bytes.TrimSpace(value), []byte("."))
		ms, err := strconv.ParseInt(string(whole), 10, 64)
		ns, ok2 := scan.Atoi(frac)
		if !ok || err != nil || !ok2 || len(frac) != 6 || ms < 0 || ms > math.MaxInt64/int64(time.Millisecond)-1 {
			return 0, false
		}
		at := time.Duration(ms)*time.Millisecond + time.Duration(ns)
		return at, at > 0
	}
	return 0, false
}

// parseStatCPU reads a thread's state and its last CPU (field 39 of proc_pid_stat(5)) from its stat.
func parseStatCPU(text []byte) (state byte, cpu int, ok bool) {
	end := bytes.LastIndexByte(text, ')')
	if end < 0 {
		return 0, 0, false
	}
	f := scan.Fields{Rest: text[end+1:]}
	word := f.Next()
	f.Skip(35)
	cpu = f.Int()
	if len(word) != 1 || f.Bad || cpu < 0 {
		return 0, 0, false
	}
	return word[0], cpu, true
}
