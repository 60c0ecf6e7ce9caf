package actions

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// Signal is one signal and its default action: the effect on a process that neither catches nor ignores it (man 7
// signal).
type Signal struct {
	Number syscall.Signal
	Name   string // without SIG: "TERM", "RTMIN+3"
	Says   string // the effect, in words that follow the process's name: "asks it to end"
}

// String returns the full name: "SIGTERM".
func (s Signal) String() string { return "SIG" + s.Name }

// The real-time signals as kill(1) counts them. glibc keeps the kernel's 32 and 33 for itself (man 7 signal).
const (
	rtMin = 34
	rtMax = 64
)

// Signals lists all signals by number. amd64 and arm64 have the same numbers.
func Signals() []Signal {
	const (
		ends      = "ends it"
		dump      = ", with a core dump"
		program   = "has the meaning that its program gives it; else " + ends
		interrupt = "; a semop that it is blocked in fails with EINTR when it continues"
	)
	list := []Signal{
		{syscall.SIGHUP, "HUP", "tells it that its terminal is gone; many daemons reread their " +
			"configuration, others end"},
		{syscall.SIGINT, "INT", "interrupts it like Ctrl-C"},
		{syscall.SIGQUIT, "QUIT", "ends it like Ctrl-\\" + dump},
		{syscall.SIGILL, "ILL", "ends it as for an illegal instruction" + dump},
		{syscall.SIGTRAP, "TRAP", "ends it as for a breakpoint" + dump},
		{syscall.SIGABRT, "ABRT", "ends it like abort(3)" + dump},
		{syscall.SIGBUS, "BUS", "ends it as for a bus error" + dump},
		{syscall.SIGFPE, "FPE", "ends it as for an arithmetic error" + dump},
		{syscall.SIGKILL, "KILL", "ends it at once; it cannot clean up, so what it made in shared memory, queues and " +
			"semaphores stays behind"},
		{syscall.SIGUSR1, "USR1", program},
		{syscall.SIGSEGV, "SEGV", "ends it as for a segmentation fault" + dump},
		{syscall.SIGUSR2, "USR2", program},
		{syscall.SIGPIPE, "PIPE", "ends it as for a pipe without reader"},
		{syscall.SIGALRM, "ALRM", "wakes it like alarm(2); else " + ends},
		{syscall.SIGTERM, "TERM", "asks it to end"},
		{syscall.SIGSTKFLT, "STKFLT", ends},
		{syscall.SIGCHLD, "CHLD", "tells it to look after its children; ignored otherwise"},
		{syscall.SIGCONT, "CONT", "continues it if stopped; a semop that it was blocked in when it was stopped " +
			"fails with EINTR"},
		{syscall.SIGSTOP, "STOP", "stops it until SIGCONT" + interrupt},
		{syscall.SIGTSTP, "TSTP", "stops it like Ctrl-Z" + interrupt},
		{syscall.SIGTTIN, "TTIN", "stops it as for reading a terminal in the background" + interrupt},
		{syscall.SIGTTOU, "TTOU", "stops it as for writing to a terminal in the background" + interrupt},
		{syscall.SIGURG, "URG", "tells it of urgent data on a socket; ignored otherwise"},
		{syscall.SIGXCPU, "XCPU", "ends it as for its limit of CPU time" + dump},
		{syscall.SIGXFSZ, "XFSZ", "ends it as for its limit of file size" + dump},
		{syscall.SIGVTALRM, "VTALRM", ends + " as for a virtual timer"},
		{syscall.SIGPROF, "PROF", ends + " as for a profiling timer"},
		{syscall.SIGWINCH, "WINCH", "tells it that its terminal has another size; ignored otherwise"},
		{syscall.SIGIO, "IO", "tells it that a descriptor is ready; else " + ends},
		{syscall.SIGPWR, "PWR", "tells it of a power failure; else " + ends},
		{syscall.SIGSYS, "SYS", "ends it as for a bad system call" + dump},
	}
	for n := rtMin; n <= rtMax; n++ {
		list = append(list, Signal{syscall.Signal(n), realTimeName(n), program})
	}
	return list
}

// realTimeName counts from the nearer end, like kill -l.
func realTimeName(n int) string {
	switch {
	case n == rtMin:
		return "RTMIN"
	case n == rtMax:
		return "RTMAX"
	case n <= (rtMin+rtMax)/2:
		return "RTMIN+" + strconv.Itoa(n-rtMin)
	}
	return "RTMAX-" + strconv.Itoa(rtMax-n)
}

// ErrSignal wraps every error of ParseSignal.
var ErrSignal = errors.New("no such signal")

// ParseSignal reads the name of a signal in any case, with or without SIG, or its number: "TERM", "sigterm", "15",
// "RTMIN+3". The error is ErrSignal.
func ParseSignal(text string) (Signal, error) {
	name := strings.TrimPrefix(strings.ToUpper(text), "SIG")
	number, err := signalNumber(name)
	if err != nil {
		return Signal{}, fmt.Errorf("%w: %q: say a name such as TERM or a number from 1 to %d; "+
			"ipctop signal --list shows all", ErrSignal, text, rtMax)
	}
	list := Signals()
	i := slices.IndexFunc(list, func(s Signal) bool { return s.Name == name || int(s.Number) == number })
	if i < 0 {
		return Signal{}, fmt.Errorf("%w: %q: ipctop signal --list shows all", ErrSignal, text)
	}
	return list[i], nil
}

// signalNumber reads digits, RTMIN+n, RTMAX-n and aliases. It returns 0 for any other name.
func signalNumber(name string) (int, error) {
	switch name {
	case "":
		return 0, ErrSignal
	case "POLL":
		return int(syscall.SIGIO), nil
	case "IOT":
		return int(syscall.SIGABRT), nil
	case "CLD":
		return int(syscall.SIGCHLD), nil
	}
	base, digits := 0, name
	if rest, ok := strings.CutPrefix(name, "RTMIN+"); ok {
		base, digits = rtMin, rest
	} else if rest, ok := strings.CutPrefix(name, "RTMAX-"); ok {
		base, digits = -rtMax, rest
	} else if name[0] < '0' || name[0] > '9' {
		return 0, nil
	}
	n, err := strconv.ParseUint(digits, 10, 8)
	if err != nil || base != 0 && n > rtMax-rtMin || base == 0 && n == 0 {
		return 0, ErrSignal
	}
	return max(base+int(n), -base-int(n)), nil
}
