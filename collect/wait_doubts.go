package collect

import (
	"slices"
	"syscall"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/relate"
)

// What may end a wait and stands in no argument of its call. It is looked at when threads look stuck, and of those alone that could be.

// socketWait is a thread that waits for a socket.
type socketWait struct {
	fd    *FD
	write bool
}

// doubt looks for what else may end waits that nobody else can end: timers that send signals ("flock -w"), handlers for SIGALRM, times of
// sockets (SO_RCVTIMEO). It says whether it found any.
func (g *waitGraph) doubt(tasks []relate.Task) (changed bool) {
	for i := range tasks {
		t := &tasks[i]
		w := &t.Wait
		if t.Activity != relate.Waiting || w.Timed || w.Open != "" {
			continue
		}
		p := g.f.Process(int(t.Proc.ID))
		if halted := g.halted(p, t.TID); halted != "" {
			t.Activity, t.Doing, t.Wait = relate.Stopped, halted, relate.Wait{}
			changed = true
			continue
		}
		switch {
		case g.timer(p, t.TID), g.socketTime(p, t):
			w.Timed = true
		case g.caught(p).Has(syscall.SIGALRM):
			// alarm(2) and setitimer(2) no file tells; who handles the signal is likely to use them.
			w.Open = "an alarm of its own"
		default:
			continue
		}
		changed = true
	}
	return changed
}

// halted says what keeps the thread itself from going on, as a state of the whole process does not show: a tracer of this thread, a
// frozen cgroup.
func (g *waitGraph) halted(p *Process, tid int) string {
	if !g.f.Host.Live() {
		return ""
	}
	dir, err := g.f.Host.OpenProc(p.living())
	if err != nil {
		return ""
	}
	defer dir.Close()
	switch halt, _ := dir.Halted(tid); halt {
	case kernel.Stopped:
		return "is stopped"
	case kernel.Traced:
		return "is stopped by a tracer"
	case kernel.Frozen:
		return "is frozen with its control group"
	}
	return ""
}

// timer says whether a POSIX timer sends the thread a signal some time. Where it could not be read, one may.
func (g *waitGraph) timer(p *Process, tid int) bool {
	if !g.f.Host.Live() {
		return false
	}
	dir, err := g.f.Host.OpenProc(p.living())
	if err != nil {
		return true
	}
	defer dir.Close()
	timers, err := dir.SignalTimers(nil)
	if kernel.Gone(err) {
		return false // the kernel does not tell
	}
	return err != nil || slices.ContainsFunc(timers, func(t kernel.SignalTimer) bool { return t.TID == 0 || t.TID == tid })
}

// socketTime says whether the call fails after the socket's own time. Where it could not be read, it may.
func (g *waitGraph) socketTime(p *Process, t *relate.Task) bool {
	s, ok := g.onSockets[t.Thread]
	if !ok || !g.f.Host.Live() {
		return false
	}
	times, err := kernel.ReadSocketTimes(p.PID, int(s.fd.Num), s.fd.Ino)
	if err != nil {
		return true
	}
	if s.write {
		return times.Send > 0
	}
	return times.Receive > 0
}
