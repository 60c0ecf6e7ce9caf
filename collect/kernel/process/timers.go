package process

import (
	"bytes"
	"fmt"

	"github.com/ipctop/ipctop/collect/kernel/scan"
)

// SignalTimer is a POSIX timer (man 2 timer_create) that sends a signal when it expires. The signal interrupts a
// blocking call. "flock -w 5" is a flock without a timeout and such a timer.
type SignalTimer struct {
	Signal int
	TID    int // the only thread that gets the signal; 0: any thread of the process
}

// SignalTimers lists the process's timers that send signals, both set and expired ones. It needs the right to ptrace
// the process. It costs 7 microseconds. fs.ErrNotExist: the process is gone, or the kernel lacks
// CONFIG_CHECKPOINT_RESTORE. No file shows the timer of setitimer(2) and alarm(2), which sends SIGALRM. A process has
// at most one.
func (p Dir) SignalTimers(buf []byte) ([]SignalTimer, error) {
	text, err := p.Read("timers", buf)
	if err != nil {
		return nil, err
	}
	timers, err := ParseTimers(text)
	if err != nil {
		return timers, fmt.Errorf("read /proc/%d/timers: %w", p.PID, err)
	}
	return timers, nil
}

// ParseTimers reads /proc/PID/timers (proc_pid_timers(5)). Each timer has the lines "ID: 1", "signal:
// 14/000000000000002a", "notify: signal/pid.2634" and "ClockID: 1". notify is "signal", "thread" or "none", then a
// slash, "pid" or "tid", a dot and the number. "tid" means a timer of one thread; glibc's SIGEV_THREAD has such a
// timer as well.
func ParseTimers(text []byte) ([]SignalTimer, error) {
	var timers []SignalTimer
	var t SignalTimer
	for line := range bytes.Lines(text) {
		name, value, ok := bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte(": "))
		if !ok {
			return timers, scan.ErrShort
		}
		switch string(name) {
		case "signal":
			number, _, ok := bytes.Cut(value, []byte("/"))
			if t.Signal, ok = signalNumber(number, ok); !ok {
				return timers, scan.ErrShort
			}
		case "notify":
			how, whom, ok := bytes.Cut(value, []byte("/"))
			kind, number, ok2 := bytes.Cut(whom, []byte("."))
			tid, ok3 := scan.Atoi(number)
			if !ok || !ok2 || !ok3 || t.Signal == 0 {
				return timers, scan.ErrShort
			}
			if string(kind) == "tid" {
				t.TID = tid
			}
			if string(how) != "none" {
				timers = append(timers, t)
			}
			t = SignalTimer{}
		}
	}
	return timers, nil
}

func signalNumber(digits []byte, ok bool) (int, bool) {
	n, isNumber := scan.Atoi(digits)
	return n, ok && isNumber && n > 0 && n <= 64
}

// ParseTracer reads the TracerPid line of /proc/PID/status or of a thread's status: the process that traces it; 0:
// none. A tracer's wait for children also ends for its tracees (man 2 ptrace). Any user may read it.
func ParseTracer(text []byte) (pid int, err error) {
	value, ok := scan.Line(text, "TracerPid")
	pid, isNumber := scan.Atoi(value)
	if !ok || !isNumber {
		return 0, scan.ErrShort
	}
	return pid, nil
}
