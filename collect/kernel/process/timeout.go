package process

import (
	"encoding/binary"
	"math"
	"time"

	"golang.org/x/sys/unix"
)

// timeArg is the form of a call's timeout argument.
type timeArg uint8

const (
	noTime   timeArg = iota
	millis           // an int, in milliseconds; negative: never
	timespec         // points to seconds and nanoseconds; NULL: never
	timeval          // points to seconds and microseconds; NULL: never
	deadline         // points to a point in time; NULL: never
)

// timeArgOf finds a call's timeout among its arguments (man 2 of each). It leaves recvmmsg out: the kernel reads that
// timeout only after a datagram has come, so the timeout does not end a wait.
func (c BlockedCall) timeArgOf() (kind timeArg, arg int) {
	switch c.NR {
	case sysPoll:
		return millis, 2
	case sysEpollWait, unix.SYS_EPOLL_PWAIT:
		return millis, 3
	case unix.SYS_NANOSLEEP:
		return timespec, 0
	case unix.SYS_PPOLL, unix.SYS_RT_SIGTIMEDWAIT:
		return timespec, 2
	case unix.SYS_SEMTIMEDOP, unix.SYS_EPOLL_PWAIT2:
		return timespec, 3
	case unix.SYS_PSELECT6, unix.SYS_IO_GETEVENTS, unix.SYS_IO_PGETEVENTS:
		return timespec, 4
	case sysSelect:
		return timeval, 4
	case unix.SYS_FUTEX_WAITV:
		return deadline, 3
	case unix.SYS_MQ_TIMEDSEND, unix.SYS_MQ_TIMEDRECEIVE, unix.SYS_FUTEX_WAIT:
		return deadline, 4
	case unix.SYS_CLOCK_NANOSLEEP:
		if c.Args[1]&unix.TIMER_ABSTIME != 0 {
			return deadline, 2
		}
		return timespec, 2
	case unix.SYS_FUTEX:
		if c.Args[1]&futexCommand == futexWait {
			return timespec, 3
		}
		return deadline, 3
	}
	return noTime, 0
}

// Timeout finds out if a call ends by itself. d is the length of the whole wait; it is 0 if the timeout is a point in
// time. Timeout reads the process's memory, which needs the right to ptrace the process, and checks the thread again.
// It costs 10 microseconds if there is a timeout to read. With an error timed is true: the call may end.
// ErrOtherCall: the thread is no longer in the call.
//
// Signals end calls as well (timers: SignalTimers; alarm(2)), and sockets have their own timeouts (SO_RCVTIMEO:
// ReadSocketTimes). Timeout leaves both out.
func (p Dir) Timeout(c BlockedCall) (d time.Duration, timed bool, err error) {
	if c.Restarted() {
		first, ok := p.Resumed(c)
		if !ok {
			return 0, true, nil
		}
		c = first
	}
	kind, arg := c.timeArgOf()
	switch {
	case kind == noTime:
		return 0, false, nil
	case kind == millis:
		ms := int32(c.Args[arg])
		return max(0, time.Duration(ms)) * time.Millisecond, ms >= 0, nil
	case c.Args[arg] == 0:
		return 0, false, nil
	case kind == deadline:
		return 0, true, nil
	}
	var pair [16]byte // struct timespec and struct timeval: two longs
	if err := p.readMemory(c.TID, c.Args[arg], pair[:]); err != nil {
		return 0, true, err
	}
	if err := p.checkCall(c); err != nil {
		return 0, true, err
	}
	sec, frac := binary.NativeEndian.Uint64(pair[:]), binary.NativeEndian.Uint64(pair[8:])
	unit := time.Nanosecond
	if kind == timeval {
		unit = time.Microsecond
	}
	return timeOf(sec, frac, unit), true, nil
}

// timeOf adds seconds and their fraction. A sum beyond the largest Duration becomes the largest: 292 years. The
// numbers come from the process's memory. The process may have changed them since the kernel read them.
func timeOf(sec, frac uint64, unit time.Duration) time.Duration {
	const most = math.MaxInt64 / uint64(time.Second)
	if sec >= most || frac >= uint64(time.Second/unit) {
		return math.MaxInt64
	}
	return time.Duration(sec)*time.Second + time.Duration(frac)*unit
}
