package waits

import (
	"fmt"
	"slices"
	"sync"
	"syscall"

	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sock"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
)

// What may end a wait and stands in no argument of its call. It is looked at when threads look stuck, and of those
// alone that could be.

// socketWait is a thread that waits for a socket.
type socketWait struct {
	fd    *proc.FD
	write bool
}

// doubt looks for what else may end waits that nobody else can end: timers that send signals ("flock -w"), handlers
// for signals of the kernel, times of sockets (SO_RCVTIMEO), descriptors that no directory shows, handlers for
// SIGCHLD, processes that it traces, epoll instances that others have. It says whether it found any.
func (g *graph) doubt(tasks []relate.Task) (changed bool) {
	hidden := sync.OnceValue(g.hiddenEnds)
	for i := range tasks {
		t := &tasks[i]
		w := &t.Wait
		if t.Activity != relate.Waiting || w.Timed || w.Open != "" {
			continue
		}
		p := g.tick.Process(int(t.Proc.ID))
		if activity, doing := g.halted(p, t.TID); activity != relate.Waiting {
			t.Activity, t.Doing, t.Wait = activity, doing, relate.Wait{}
			changed = true
			continue
		}
		rests := g.restsOnDescriptors(t)
		switch {
		case g.timer(p, t.TID), g.socketTime(p, t):
			w.Timed = true
		case rests && hidden() != "":
			w.Open = hidden()
		case g.registered(t):
			w.Open = "whoever has the io_uring that it is registered with"
		case rests && g.submits(t) != "":
			w.Open = g.submits(t)
		case g.prompted(p) != "":
			w.Open = g.prompted(p)
		default:
			more := g.more(p, t)
			if len(more) == 0 {
				continue
			}
			w.Enders = slices.Concat(w.Enders, more)
		}
		changed = true
	}
	return changed
}

// more are those who could end a wait in a roundabout way: processes that have one table of descriptors with the
// holder of a POSIX lock, and so the lock as well (flc_owner in fs/locks.c); those with the same end of a socket,
// which may shut it down (shutdown(2)); children whose end is a signal that the process handles; processes that it
// traces, of which a wait for children hears as well (man 2 ptrace); and whoever may have its epoll instance watch
// something else, which works at once (epoll_ctl(2)).
func (g *graph) more(p *proc.Process, t *relate.Task) (enders []relate.Ender) {
	weak := func(q *proc.Process, how string) {
		enders = append(enders, relate.Ender{Proc: q.Ref(), How: how, Proof: schema.Inferred, Weak: true})
	}
	if t.Wait.On.Kind == schema.Lock {
		if r := g.soughtBy(p, t.TID); r != nil && r.Class == "POSIX" && r.Owner != nil {
			for _, q := range g.sharers(r.Owner) {
				weak(q, "shares the descriptors and locks of its holder")
			}
		}
	}
	if g.caught(p).Has(syscall.SIGCHLD) {
		for _, c := range g.children[p.PID] {
			if c.State != 'Z' {
				weak(c, "is its child, whose end sends SIGCHLD")
			}
		}
	}
	for _, on := range g.on[t.Thread] {
		if on.Kind != schema.Unix && on.Kind != schema.Inet {
			continue
		}
		same := g.sameEnds(on)
		enders = slices.Grow(enders, len(same))
		for i := range same {
			if same[i].Proc != t.Proc || len(p.Tasks) > 1 {
				enders = append(enders, same[i])
			}
		}
	}
	at := slices.IndexFunc(p.Tasks, func(th proc.Thread) bool { return th.TID == t.TID })
	if at < 0 {
		return enders
	}
	if _, _, ok := p.Tasks[at].Call.WaitsForChild(); ok {
		for _, q := range g.tracees()[p.PID] {
			weak(q, "is traced")
		}
	}
	num, ok := p.Tasks[at].Call.EpollFD()
	if !ok {
		return enders
	}
	for _, instance := range g.tick.Instances(schema.Epoll) {
		group := instance.Uses
		if !slices.ContainsFunc(group, func(u proc.FDUse) bool { return u.Process == p && int(u.FD.Num) == num }) {
			continue
		}
		for _, u := range group {
			if u.Process != p || len(p.Tasks) > 1 {
				weak(u.Process, "has the epoll instance")
			}
		}
	}
	return enders
}

// sameEnds are all who have this end of a socket.
func (g *graph) sameEnds(on schema.Ref) []relate.Ender {
	enders, ok := g.sameEnd[on]
	if !ok {
		enders = useEnders(g.tick.FDUses(proc.FDSocket, 0, on.ID), nil, "has the same end and could call shutdown")
		for i := range enders {
			n := &enders[i]
			n.Proof, n.Weak, n.On = schema.Inferred, true, on
		}
		g.sameEnd[on] = enders
	}
	return enders
}

// prompted says by which of its handlers the kernel could prompt a process to go on, of its own accord or for what
// comes from outside; "": by none. Which signals are to come no file tells, but who handles one is likely to have
// asked for it: SIGALRM by alarm(2) and setitimer(2), SIGIO or a real-time signal, of which there is a choice
// (F_SETSIG in fcntl(2), mq_notify(3), sigevent(3type)), for descriptors and leases.
func (g *graph) prompted(p *proc.Process) string {
	const minimum = 34 // SIGRTMIN behind those that glibc has for itself: signal(7)
	switch caught := g.caught(p); {
	case caught.Has(syscall.SIGALRM):
		return "its handler for SIGALRM"
	case caught.Has(syscall.SIGIO):
		return "its handler for SIGIO"
	case caught>>(minimum-1) != 0:
		return "its handler for a real-time signal"
	}
	return ""
}

// sharers are the other processes with the same table of descriptors (CLONE_FILES without CLONE_THREAD).
func (g *graph) sharers(p *proc.Process) []*proc.Process {
	list, ok := g.tables[p]
	if ok || !g.tick.Host.Live() {
		return list
	}
	for _, q := range g.tick.Processes() {
		if q == p || q.KernelThread() || q.Gone() {
			continue
		}
		if same, err := process.SameFiles(p.Living(), q.Living()); err == nil && same {
			list = append(list, q)
		}
	}
	g.tables[p] = list
	return list
}

// halted says what keeps the thread itself from going on, as a state of the whole process does not show: a tracer of
// this thread, a frozen cgroup, somebody who serves its memory. It is Waiting if nothing does but what its call is
// on.
func (g *graph) halted(p *proc.Process, tid int) (a relate.Activity, doing string) {
	if !g.tick.Host.Live() {
		return relate.Waiting, ""
	}
	dir, err := g.tick.Host.OpenProc(p.Living())
	if err != nil {
		return relate.Waiting, ""
	}
	defer dir.Close()
	switch halt, _ := dir.Halted(tid); halt {
	case process.Stopped:
		return relate.Stopped, "is stopped"
	case process.Traced:
		return relate.Stopped, "is stopped by a tracer"
	case process.Frozen:
		return relate.Stopped, "is frozen with its control group"
	case process.Elsewhere:
		return relate.Running, "sleeps in its call for memory, a disk, or who serves its calls"
	}
	return relate.Waiting, ""
}

// traced says whether a tracer holds the thread, as it does the first one of its process.
func (g *graph) traced(p *proc.Process, tid int) bool {
	if tid == p.PID || !g.tick.Host.Live() {
		return true
	}
	a, _ := g.halted(p, tid)
	return a == relate.Stopped
}

// timer says whether a POSIX timer sends the thread a signal some time. Where it could not be read, one may.
func (g *graph) timer(p *proc.Process, tid int) bool {
	if !g.tick.Host.Live() {
		return false
	}
	dir, err := g.tick.Host.OpenProc(p.Living())
	if err != nil {
		return true
	}
	defer dir.Close()
	timers, err := dir.SignalTimers(nil)
	if sys.Gone(err) {
		return false // the kernel does not tell
	}
	return err != nil || slices.ContainsFunc(timers,
		func(t process.SignalTimer) bool { return t.TID == 0 || t.TID == tid })
}

// socketTime says whether the call fails after the socket's own time. Where it could not be read, it may.
func (g *graph) socketTime(p *proc.Process, t *relate.Task) bool {
	s, ok := g.onSockets[t.Thread]
	if !ok || !g.tick.Host.Live() {
		return false
	}
	times, err := sock.ReadSocketTimes(p.PID, int(s.fd.Num), s.fd.Ino)
	if err != nil {
		return true
	}
	if s.write {
		return times.Send > 0
	}
	return times.Receive > 0
}

// listTracees are the processes whose first thread somebody traces, by the tracer.
func (g *graph) listTracees() map[int][]*proc.Process {
	all := map[int][]*proc.Process{}
	for _, p := range g.tick.Processes() {
		if text, err := g.tick.Host.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID)); err == nil {
			if tracer, err := process.ParseTracer(text); err == nil && tracer != 0 {
				all[tracer] = append(all[tracer], p)
			}
		}
	}
	return all
}
