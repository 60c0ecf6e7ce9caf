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

// RunClock tells how long ago threads last ran, which is how long they sleep already: nothing says when a sleep
// began, but /proc/PID/task/TID/sched has se.exec_start, the time on the run queue's clock at which a thread left its
// CPU (kernel/sched/debug.c, update_curr in kernel/sched/fair.c).
//
// That clock differs from CPU to CPU, by the time that each lost to interrupts and to the hypervisor since boot
// (update_rq_clock_task in kernel/sched/core.c): seconds here, hours elsewhere. So the first question about each CPU
// is asked from that CPU, for which the calling thread goes there; CPUs that it is not meant to run on, such as
// isolated ones, are left alone. Use one RunClock for the questions of one moment, from one goroutine.
type RunClock struct {
	allowed unix.CPUSet
	behind  map[int]time.Duration // by CPU: how much its clock is behind CLOCK_MONOTONIC
}

// errNoClock is for a CPU whose clock may not be asked.
var errNoClock = errors.New("not a CPU that this process runs on")

// NewRunClock asks which CPUs the process may run on.
func NewRunClock() (*RunClock, error) {
	r := &RunClock{behind: map[int]time.Duration{}}
	if err := unix.SchedGetaffinity(0, &r.allowed); err != nil {
		return nil, fmt.Errorf("sched_getaffinity: %w", err)
	}
	return r, nil
}

// LastRan says how long ago the thread last ran, even for a moment: a signal that it caught, a spurious wakeup. The
// time in which the machine was suspended is not counted, nor what the CPU has lost since, mostly a few thousandths.
// 0: it runs. Everybody may ask about everybody. 25 microseconds, and 20 to 60 more for each new CPU.
//
// errors.Is(err, fs.ErrNotExist): the thread is gone, or the kernel has no such file (before 6.15 without
// CONFIG_SCHED_DEBUG).
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
	behind, err := r.behindOf(cpu)
	if err != nil {
		return 0, fmt.Errorf("clock of CPU %d: %w", cpu, err)
	}
	now, err := monotonic()
	return max(0, now-behind-ran), err
}

// behindOf compares a CPU's clock with CLOCK_MONOTONIC.
func (r *RunClock) behindOf(cpu int) (time.Duration, error) {
	if behind, ok := r.behind[cpu]; ok {
		return behind, nil
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
	behind, err := behindHere()
	if back := unix.SchedSetaffinity(0, &r.allowed); err == nil && back != nil {
		err = fmt.Errorf("sched_setaffinity: %w", back)
	}
	if err == nil {
		r.behind[cpu] = behind
	}
	return behind, err
}

// behindHere reads the time of the calling thread, which runs. Asking for its CPU time brings exec_start up to date,
// which otherwise each tick does (task_sched_runtime in kernel/sched/core.c).
func behindHere() (time.Duration, error) {
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

// parseExecStart finds the line "se.exec_start : 11646213.683412", in milliseconds. 0 is a thread that has not run on
// its CPU yet: not ok.
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

// parseStatCPU reads from a thread's stat its state and the CPU that it last ran on (field 39 of proc_pid_stat(5)).
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
