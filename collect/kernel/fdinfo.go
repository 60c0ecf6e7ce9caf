package kernel

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// FDInfo reads /proc/PID/fdinfo/N (proc_pid_fdinfo(5)): 6 to 9 microseconds. The text is valid until buf is used again.
func (p ProcDir) FDInfo(fd int, buf []byte) ([]byte, error) {
	return p.Read("fdinfo/"+strconv.Itoa(fd), buf)
}

// CompareFiles orders the open file descriptions behind two descriptors (KCMP_FILE of kcmp(2)): 0 says that they are one. The order
// means nothing else, and holds until the next boot.
func CompareFiles(pid1, fd1, pid2, fd2 int) (int, error) {
	const kcmpFile = 0
	order, _, e := unix.Syscall6(unix.SYS_KCMP, uintptr(pid1), uintptr(pid2), kcmpFile, uintptr(fd1), uintptr(fd2), 0)
	switch {
	case e != 0:
		return 0, fmt.Errorf("kcmp %d fd %d, %d fd %d: %w", pid1, fd1, pid2, fd2, e)
	case order == 0:
		return 0, nil
	case order == 1:
		return -1, nil
	case order == 2:
		return 1, nil
	}
	return 0, fmt.Errorf("kcmp %d fd %d, %d fd %d: %w", pid1, fd1, pid2, fd2, errNoOrder)
}

// errNoOrder is for kcmp's answer 3, which it gives for what can be equal or unequal only.
var errNoOrder = errors.New("no order")

// infoLine finds the line "name: value" and gives the value without blanks around it; ok is false where there is none, or it is cut off.
func infoLine(text []byte, name string) (value []byte, ok bool) {
	for line := range bytes.Lines(text) {
		if rest, has := bytes.CutPrefix(line, []byte(name)); has && len(rest) > 0 && rest[0] == ':' {
			return bytes.TrimSpace(rest[1:]), rest[len(rest)-1] == '\n'
		}
	}
	return nil, false
}

func infoUint(text []byte, name string, base int) (uint64, bool) {
	value, ok := infoLine(text, name)
	n, err := strconv.ParseUint(string(value), base, 64)
	return n, ok && err == nil
}

func infoInt(text []byte, name string) (int64, bool) {
	value, ok := infoLine(text, name)
	n, err := strconv.ParseInt(string(value), 10, 64)
	return n, ok && err == nil
}

// EventFD is what fdinfo says of an eventfd (eventfd_show_fdinfo, fs/eventfd.c).
type EventFD struct {
	Count     uint64
	ID        uint64 // the same in every process that has it; meaningless unless HasID
	HasID     bool   // kernels since 5.2
	Semaphore bool   // EFD_SEMAPHORE: read takes 1 rather than all; unknown unless HasMode
	HasMode   bool   // kernels since 6.5
}

// ParseEventFD reads fdinfo. The count is hexadecimal.
func ParseEventFD(text []byte) (EventFD, error) {
	var e EventFD
	var ok bool
	if e.Count, ok = infoUint(text, "eventfd-count", 16); !ok {
		return EventFD{}, errShort
	}
	id, ok := infoInt(text, "eventfd-id")
	if ok && id >= 0 {
		e.ID, e.HasID = uint64(id), true
	}
	semaphore, ok := infoInt(text, "eventfd-semaphore")
	e.Semaphore, e.HasMode = semaphore == 1, ok
	return e, nil
}

// ParseSignalFD reads the set of signals that a signalfd takes.
func ParseSignalFD(text []byte) (SignalSet, error) {
	bits, ok := infoUint(text, "sigmask", 16)
	if !ok {
		return 0, errShort
	}
	return SignalSet(bits), nil
}

// TimerFD is what fdinfo says of a timerfd (timerfd_show, fs/timerfd.c).
type TimerFD struct {
	Clock     int // CLOCK_*
	Ticks     uint64
	Flags     int           // TFD_TIMER_ABSTIME 1, TFD_TIMER_CANCEL_ON_SET 2
	Remaining time.Duration // until it next expires; 0: not armed
	Interval  time.Duration // 0: it expires once
}

// ParseTimerFD reads fdinfo. The remaining time is always relative, whatever the timer was set to.
func ParseTimerFD(text []byte) (TimerFD, error) {
	clock, ok := infoInt(text, "clockid")
	ticks, ok2 := infoUint(text, "ticks", 10)
	flags, ok3 := infoUint(text, "settime flags", 8)
	if !ok || !ok2 || !ok3 || clock < 0 || clock > math.MaxInt32 || flags > math.MaxInt32 {
		return TimerFD{}, errShort
	}
	t := TimerFD{Clock: int(clock), Ticks: ticks, Flags: int(flags)}
	if t.Remaining, ok = infoTime(text, "it_value"); !ok {
		return TimerFD{}, errShort
	}
	if t.Interval, ok = infoTime(text, "it_interval"); !ok {
		return TimerFD{}, errShort
	}
	return t, nil
}

// infoTime reads "(seconds, nanoseconds)". What a Duration cannot hold becomes its largest value, 292 years.
func infoTime(text []byte, name string) (time.Duration, bool) {
	value, ok := infoLine(text, name)
	value, ok2 := bytes.CutPrefix(value, []byte("("))
	value, ok3 := bytes.CutSuffix(value, []byte(")"))
	sec, nsec, ok4 := bytes.Cut(value, []byte(", "))
	s, err := strconv.ParseUint(string(sec), 10, 63)
	n, err2 := strconv.ParseUint(string(nsec), 10, 30)
	if !ok || !ok2 || !ok3 || !ok4 || err != nil || err2 != nil || n >= uint64(time.Second) {
		return 0, false
	}
	if s >= math.MaxInt64/uint64(time.Second) {
		return math.MaxInt64, true
	}
	return time.Duration(s)*time.Second + time.Duration(n), true
}
