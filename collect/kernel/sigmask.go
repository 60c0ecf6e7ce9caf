package kernel

import (
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// SignalMasks are what a process does with signals, from /proc/PID/status (proc_pid_status(5)).
type SignalMasks struct {
	Pending SignalSet // SigPnd of the main thread and ShdPnd of the process: sent, not yet taken
	Blocked SignalSet // SigBlk: held back by the main thread for now; other threads have masks of their own
	Ignored SignalSet // SigIgn: dropped
	Caught  SignalSet // SigCgt: the program has a handler
}

// SignalSet has bit n−1 set for signal n.
type SignalSet uint64

// Has says whether the signal is in the set.
func (s SignalSet) Has(sig syscall.Signal) bool { return sig >= 1 && s>>(uint(sig)-1)&1 == 1 }

// ParseSignalMasks reads the masks in /proc/PID/status: 16 hexadecimal digits each.
func ParseSignalMasks(text []byte) (SignalMasks, error) {
	var thread, process, blocked, ignored, caught uint64
	found, err := hexFields(text, map[string]*uint64{"SigBlk": &blocked, "SigIgn": &ignored, "SigCgt": &caught})
	if err == nil && found != 3 {
		err = errShort
	}
	if err == nil {
		_, err = hexFields(text, map[string]*uint64{"SigPnd": &thread, "ShdPnd": &process})
	}
	if err != nil {
		return SignalMasks{}, err
	}
	return SignalMasks{Pending: SignalSet(thread | process), Blocked: SignalSet(blocked), Ignored: SignalSet(ignored), Caught: SignalSet(caught)}, nil
}

// SignalName is a signal's name as signal(7) has it: "SIGUSR1", "SIGRTMIN+3"; a number for what is no signal.
func SignalName(n int) string {
	const rtMin, rtMax = 34, 64 // of glibc, which keeps 32 and 33 for itself
	switch name := unix.SignalName(syscall.Signal(n)); {
	case name != "":
		return name
	case n == rtMin:
		return "SIGRTMIN"
	case n > rtMin && n <= rtMax:
		return "SIGRTMIN+" + strconv.Itoa(n-rtMin)
	}
	return strconv.Itoa(n)
}
