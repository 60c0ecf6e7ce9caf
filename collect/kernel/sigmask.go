package kernel

import (
	"bytes"
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
	var m SignalMasks
	found := 0
	for line := range bytes.Lines(text) {
		name, rest, _ := bytes.Cut(line, []byte(":\t"))
		var set *SignalSet
		switch string(name) {
		case "SigPnd", "ShdPnd":
			set = &m.Pending
			found--
		case "SigBlk":
			set = &m.Blocked
		case "SigIgn":
			set = &m.Ignored
		case "SigCgt":
			set = &m.Caught
		default:
			continue
		}
		bits, err := strconv.ParseUint(string(bytes.TrimSpace(rest)), 16, 64)
		if err != nil {
			return SignalMasks{}, errShort
		}
		*set |= SignalSet(bits)
		found++
	}
	if found != 3 {
		return SignalMasks{}, errShort
	}
	return m, nil
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
