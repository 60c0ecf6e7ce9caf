package kernel

import (
	"bytes"
	"fmt"
	"io/fs"
	"time"

	"github.com/ipctop/ipctop/collect/kernel/scan"
	"golang.org/x/sys/unix"
)

// SignalTimer is a POSIX timer (man 2 timer_create) that sends a signal when it expires, which interrupts a blocking call: "flock -w 5"
// is a flock without a time and such a timer.
type SignalTimer struct {
	Signal int
	TID    int // the one thread that gets it; 0: any thread of the process
}

// SignalTimers lists the timers of the process that send signals, whether they are set or have expired. It takes the right to ptrace
// the process: 7 microseconds. errors.Is(err, fs.ErrNotExist): the process is gone, or the kernel lacks CONFIG_CHECKPOINT_RESTORE. Those of
// setitimer(2) and alarm(2), of which a process has one at most for SIGALRM, no file tells.
func (p ProcDir) SignalTimers(buf []byte) ([]SignalTimer, error) {
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

// ParseTimers reads /proc/PID/timers (proc_pid_timers(5)): for each timer the lines "ID: 1", "signal: 14/000000000000002a",
// "notify: signal/pid.2634" and "ClockID: 1". notify is "signal", "thread" or "none", then a dot-separated "pid" or "tid" and
// its number. A thread's own timers, which glibc's SIGEV_THREAD has as well, are told by "tid".
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

// ParseTracer reads the TracerPid line of /proc/PID/status, or of a thread's: who traces it, 0: nobody. A tracer's wait for children
// ends with those that it traces as well (man 2 ptrace). Everybody may read it.
func ParseTracer(text []byte) (pid int, err error) {
	value, ok := scan.Line(text, "TracerPid")
	pid, isNumber := scan.Atoi(value)
	if !ok || !isNumber {
		return 0, scan.ErrShort
	}
	return pid, nil
}

// SocketTimes are how long calls on a socket wait before they fail with EAGAIN (SO_RCVTIMEO and SO_SNDTIMEO of man 7 socket), or the connection
// ends for what it has sent and the peer does not take (TCP_USER_TIMEOUT of man 7 tcp); 0: for ever.
type SocketTimes struct{ Receive, Send time.Duration }

// ReadSocketTimes duplicates a socket of a process for two microseconds and asks: nothing else tells that a call on it ends by itself. If
// the owner closes the socket meanwhile, the peer sees that when the duplicate is gone. It takes the right to ptrace the
// process (man 2 pidfd_getfd). ino is that of the socket: errors.Is(err, fs.ErrNotExist) if the descriptor leads elsewhere by now.
func ReadSocketTimes(pid, fd int, ino uint64) (SocketTimes, error) {
	pidfd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return SocketTimes{}, fmt.Errorf("pidfd_open %d: %w", pid, err)
	}
	defer unix.Close(pidfd)
	dup, err := unix.PidfdGetfd(pidfd, fd, 0)
	if err != nil {
		return SocketTimes{}, fmt.Errorf("pidfd_getfd %d fd %d: %w", pid, fd, err)
	}
	var st unix.Stat_t
	var receive, send *unix.Timeval
	if err = unix.Fstat(dup, &st); err == nil && (st.Mode&unix.S_IFMT != unix.S_IFSOCK || st.Ino != ino) {
		err = fs.ErrNotExist
	}
	if err == nil {
		receive, err = unix.GetsockoptTimeval(dup, unix.SOL_SOCKET, unix.SO_RCVTIMEO)
	}
	if err == nil {
		send, err = unix.GetsockoptTimeval(dup, unix.SOL_SOCKET, unix.SO_SNDTIMEO)
	}
	user, noTCP := unix.GetsockoptInt(dup, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT)
	unix.Close(dup)
	if err != nil {
		return SocketTimes{}, fmt.Errorf("socket of %d fd %d: %w", pid, fd, err)
	}
	times := SocketTimes{time.Duration(receive.Nano()), time.Duration(send.Nano())}
	if limit := time.Duration(user) * time.Millisecond; noTCP == nil && limit > 0 && (times.Send == 0 || limit < times.Send) {
		times.Send = limit
	}
	return times, nil
}
