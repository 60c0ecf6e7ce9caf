package waits

import (
	"fmt"

	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/proc"
)

// caughtSignals are the signals whose handlers could run in a process: it has a handler, and a thread of it does not
// block the signal. A signal is blocked while its own handler runs (sigaction(2)). The kernel gives a signal for a
// process to a thread that does not block it (complete_signal, kernel/signal.c). If the signals of a live process could
// not be read, it is every signal.
func (g *graph) caughtSignals(p *proc.Process) sys.SignalSet {
	set, ok := g.caught[p]
	if !ok {
		set = g.readCaught(p)
		g.caught[p] = set
	}
	return set
}

func (g *graph) readCaught(p *proc.Process) sys.SignalSet {
	caught, blocked := sys.SignalSet(0), ^sys.SignalSet(0)
	if g.tick.Host.Live() {
		caught, blocked = blocked, 0
	}
	if text, err := g.tick.Host.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID)); err == nil {
		if masks, err := process.ParseSignalMasks(text); err == nil {
			caught, blocked = masks.Caught, ^sys.SignalSet(0)
			if !hasEnded(p, p.PID) {
				blocked = masks.Blocked
			}
		}
	}
	// Most first threads block nothing. So the other threads are seldom read.
	for i := range p.Tasks {
		th := &p.Tasks[i]
		if caught&blocked == 0 {
			break
		}
		if th.TID != p.PID && th.In != process.Ended {
			blocked &= g.blockedBy(p, th.TID)
		}
	}
	return caught &^ blocked
}

// blockedBy are the signals that a thread blocks. It is none if that could not be read.
func (g *graph) blockedBy(p *proc.Process, tid int) sys.SignalSet {
	text, err := g.tick.Host.ReadFile(fmt.Sprintf("/proc/%d/task/%d/status", p.PID, tid))
	if err != nil {
		return 0
	}
	masks, err := process.ParseSignalMasks(text)
	if err != nil {
		return 0
	}
	return masks.Blocked
}

// hasEnded reports true if a thread of a process has ended.
func hasEnded(p *proc.Process, tid int) bool {
	for i := range p.Tasks {
		if th := &p.Tasks[i]; th.TID == tid {
			return th.In == process.Ended
		}
	}
	return false
}
