package process

import (
	"github.com/ipctop/ipctop/collect/kernel/scan"
	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// SignalMasks are a process's sets of signals, from /proc/PID/status (proc_pid_status(5)).
type SignalMasks struct {
	Pending sys.SignalSet // SigPnd of the main thread and ShdPnd of the process: sent, not yet taken
	Blocked sys.SignalSet // SigBlk: the main thread blocks them now; other threads have their own masks
	Ignored sys.SignalSet // SigIgn: the process ignores them
	Caught  sys.SignalSet // SigCgt: the program has a handler
}

// ParseSignalMasks reads the masks in /proc/PID/status: 16 hexadecimal digits each.
func ParseSignalMasks(text []byte) (SignalMasks, error) {
	var thread, process, blocked, ignored, caught uint64
	found, err := hexFields(text, map[string]*uint64{"SigBlk": &blocked, "SigIgn": &ignored, "SigCgt": &caught})
	if err == nil && found != 3 {
		err = scan.ErrShort
	}
	if err == nil {
		_, err = hexFields(text, map[string]*uint64{"SigPnd": &thread, "ShdPnd": &process})
	}
	if err != nil {
		return SignalMasks{}, err
	}
	return SignalMasks{Pending: sys.SignalSet(thread | process), Blocked: sys.SignalSet(blocked),
		Ignored: sys.SignalSet(ignored), Caught: sys.SignalSet(caught)}, nil
}
