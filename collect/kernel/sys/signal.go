package sys

import (
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// Names lists the signals of the set by number.
func (s SignalSet) Names() []string {
	var names []string
	for n := 1; n <= 64; n++ {
		if s.Has(syscall.Signal(n)) {
			names = append(names, SignalName(n))
		}
	}
	return names
}

// SignalSet has bit n−1 set for signal n.
type SignalSet uint64

// Has is true if the signal is in the set.
func (s SignalSet) Has(sig syscall.Signal) bool { return sig >= 1 && s>>(uint(sig)-1)&1 == 1 }

// SignalName is a signal's name in signal(7): "SIGUSR1", "SIGRTMIN+3". It is the number itself if no signal has it.
func SignalName(n int) string {
	const rtMin, rtMax = 34, 64 // of glibc, which uses 32 and 33 itself
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
