package waits

import (
	"fmt"
	"slices"
	"syscall"

	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sock"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
)

// Enders that no argument of a call names. They are looked for only when threads look stuck, and only for those
// threads.

// socketWait is a thread that waits for a socket.
type socketWait struct {
	fd    *proc.FD
	write bool
}

// addDoubts looks for more enders of waits that nobody else can end. These are:
//
//	timers that send signals ("flock -w"), and time limits of sockets (SO_RCVTIMEO)
//	handlers for signals that the kernel sends, and handlers for SIGCHLD
//	files that are registered with an io_uring
//	processes that the waiter traces
//	arguments of calls that may have changed since (doubtArguments)
//	processes that share an epoll instance
//	processes below the children of the waiter, which may become its children
//	tracers, if only the waiter's own process could end the wait
//
// It reports true if it found any.
func (g *graph) addDoubts(solved *relate.Solution, tasks []relate.Task) (changed bool) {
	for i := range tasks {
		t := &tasks[i]
		w := &t.Wait
		if t.Activity != relate.Waiting || w.Timed || w.Open != "" || w.Signals != "" {
			continue
		}
		if g.own[t.Thread] && !looksBad(solved, t) {
			continue // every machine has many such threads
		}
		p := g.tick.Process(int(t.Proc.ID))
		activity, doing := g.halted(p, t.TID)
		if activity == relate.Running && g.vforks[t.Thread] {
			activity = relate.Waiting // its sleep is not on a disk
		}
		if activity != relate.Waiting {
			t.Activity, t.Doing, t.Wait = activity, doing, relate.Wait{}
			changed = true
			continue
		}
		if g.ownFutexes[t.Thread] {
			e := wakers{enders: w.Enders, assumes: w.Assumes}
			if g.openIfHandled(p, &e); e.open != "" || e.assumes != w.Assumes {
				w.Open, w.Assumes, changed = e.open, e.assumes, true
			}
		}
		if n := solved.Node(t.Thread); n >= 0 && solved.Nodes[n].Status.Bad() && g.doubtArguments(p, t) {
			if changed = true; w.Open != "" {
				continue
			}
		}
		if looksBad(solved, t) {
			if by := g.endedBy(p); by != "" {
				w.EndedBy, changed = by, true
			}
		}
		byDescriptor := g.endsByDescriptor(t)
		switch {
		case w.Open != "":
		case g.hasTimer(p, t.TID), g.hasSocketLimit(p, t):
			w.Timed = true
		case g.inRing(t):
			w.Open = "whoever has the io_uring that it is registered with"
		case byDescriptor && g.ringSubmitter(t) != "":
			w.Open = g.ringSubmitter(t)
		case g.wakingHandler(p) != "":
			w.Open, w.ByHandler = g.wakingHandler(p), true
		case g.missesChildren(p, t) != "":
			w.Open = g.missesChildren(p, t)
		case g.own[t.Thread] && g.otherHand(p) != "":
			w.Open = g.otherHand(p)
		default:
			all := g.indirectEnders(p, t)
			if len(all) == len(w.Enders) {
				continue
			}
			w.Enders = all
		}
		changed = true
	}
	return changed
}

// looksBad reports true if a thread looks stuck or stopped.
func looksBad(solved *relate.Solution, t *relate.Task) bool {
	n := solved.Node(t.Thread)
	return n >= 0 && solved.Nodes[n].Status.Bad()
}

// indirectEnders are the enders of a wait, and then processes that could end it in an indirect way:
//
//	POSIX locks: processes that share the descriptor table, and so the lock, of the holder (flc_owner, fs/locks.c)
//	sockets: processes with the same end, which may call shutdown(2)
//	SIGCHLD: children, if the process handles the signal that their end sends
//	waits for children: processes that the waiter traces, because the wait also reports them (man 2 ptrace), and
//	processes that may become its children
//	epoll: processes with the same instance, because a change of the watched set works at once (epoll_ctl(2))
func (g *graph) indirectEnders(p *proc.Process, t *relate.Task) []relate.Ender {
	all := t.Wait.Enders
	// A wait shares what it takes with the others that take it. So the process itself may be there, though its only
	// thread waits.
	share := func(list []relate.Ender) {
		if len(p.Tasks) > 1 || !g.onlyThreadsOf(p, list) {
			all = g.with(all, &wakers{enders: list})
		}
	}
	var enders []relate.Ender
	weak := func(q *proc.Process, how string) {
		enders = append(enders, relate.Ender{Proc: q.Ref(), How: how, Proof: schema.Inferred, Weak: true})
	}
	if proc.Locking(t.Wait.Call) {
		rows := g.rows[t.Thread]
		if rows == nil {
			rows = []*kinds.LockRow{g.wantedLock(p, t.TID)}
		}
		for _, r := range rows {
			if r == nil || r.Class != "POSIX" || r.Owner == nil {
				continue
			}
			for _, q := range g.sharers(process.SharedFiles, r.Owner) {
				weak(q, "shares the descriptors and locks of its holder")
			}
		}
	}
	if g.caughtSignals(p).Has(syscall.SIGCHLD) {
		for _, c := range g.children[p.PID] {
			if !c.Gone() {
				weak(c, "is its child, whose end sends SIGCHLD")
			}
		}
		enders = append(enders, g.adoptable(p)...)
	}
	for _, on := range g.on[t.Thread] {
		if on.Kind == schema.Unix || on.Kind == schema.Inet {
			share(g.sameEnds(on))
		}
	}
	at := g.tick.ThreadOf(p, t.TID)
	if at == nil {
		return slices.Concat(all, enders)
	}
	if _, _, ok := at.Call.WaitsForChild(); ok {
		for _, q := range g.tracees()[p.PID] {
			weak(q, "is traced")
		}
		if waitsForChildren(at) && !g.caughtSignals(p).Has(syscall.SIGCHLD) {
			enders = append(enders, g.adoptable(p)...)
		}
	}
	if num, ok := at.Call.EpollFD(); ok {
		if n := g.epolls()[descriptorOf{p, proc.FDNum{Table: p.TableOf(t.TID), Num: int32(num)}}]; n != nil {
			share(g.weakly(n.Ref, n.Uses, "has the epoll instance"))
		}
	}
	return g.with(all, &wakers{enders: enders})
}

// descriptorOf names a descriptor of a process.
type descriptorOf struct {
	process *proc.Process
	fd      proc.FDNum
}

// listEpolls lists the epoll instances by their descriptors.
func (g *graph) listEpolls() map[descriptorOf]*proc.Instance {
	all := map[descriptorOf]*proc.Instance{}
	instances := g.tick.Instances(schema.Epoll)
	for i := range instances {
		for _, u := range instances[i].Uses {
			all[descriptorOf{u.Process, u.FD.ID()}] = &instances[i]
		}
	}
	return all
}

// sameEnds are all processes that have this end of a socket.
func (g *graph) sameEnds(on schema.Ref) []relate.Ender {
	return g.weakly(on, g.tick.FDUses(proc.FDSocket, 0, on.ID), "has the same end and could call shutdown")
}

// weakly are the processes that have an object, as weak enders of all waits for it.
func (g *graph) weakly(on schema.Ref, uses []proc.FDUse, how string) []relate.Ender {
	enders, ok := g.sameEnd[on]
	if !ok {
		enders = useEnders(uses, nil, how)
		for i := range enders {
			n := &enders[i]
			n.Proof, n.Weak = schema.Inferred, true
			if on.Kind != schema.Epoll { // the wait is for what the instance watches
				n.On = on
			}
		}
		g.sameEnd[on] = enders
	}
	return enders
}

// wakingHandler names a signal handler of the process that the kernel could call to wake it; "": none. No file tells
// which signals will come. But a process that handles one of these signals has probably asked for it:
//
//	SIGALRM: alarm(2), setitimer(2)
//	SIGIO: descriptors and leases (fcntl(2))
//	real-time signals: F_SETSIG in fcntl(2), mq_notify(3), sigevent(3type)
func (g *graph) wakingHandler(p *proc.Process) string {
	const minimum = 34 // SIGRTMIN of glibc, which keeps 32 and 33 for itself: signal(7)
	switch caught := g.caughtSignals(p); {
	case caught.Has(syscall.SIGALRM):
		return "its handler for SIGALRM"
	case caught.Has(syscall.SIGIO):
		return "its handler for SIGIO"
	case caught>>(minimum-1) != 0:
		return "its handler for a real-time signal"
	}
	return ""
}

// halted finds a cause that stops the thread itself, and that the state of the process does not show. Causes are a
// tracer of this thread, a frozen cgroup, or a server of its memory. It returns Waiting if there is no such cause.
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

// stoppedByTracer reports true if a tracer holds the thread. For the first thread the state of its process already
// says so.
func (g *graph) stoppedByTracer(p *proc.Process, tid int) bool {
	if tid == p.Living() || !g.tick.Host.Live() {
		return true
	}
	a, _ := g.halted(p, tid)
	return a == relate.Stopped
}

// hasTimer reports true if a POSIX timer will send the thread a signal. It also reports true if the timers could not be
// read.
func (g *graph) hasTimer(p *proc.Process, tid int) bool {
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
		return false // a kernel without this file
	}
	return err != nil || slices.ContainsFunc(timers,
		func(t process.SignalTimer) bool { return t.TID == 0 || t.TID == tid })
}

// endedBy names a parent that may end the process when a time is over; "": none. That is timeout(1), which waits for
// its child with a timer that sends it SIGALRM. No file tells when the timer expires, or that "timeout 0" has not set
// it.
func (g *graph) endedBy(p *proc.Process) string {
	parent := g.tick.Process(p.PPID)
	if parent == nil || parent.Comm != "timeout" {
		return ""
	}
	return fmt.Sprintf("its parent %d/%s may end it when its time is over", parent.PID, parent.Comm)
}

// hasSocketLimit reports true if the socket has its own time limit for the call, or if the limit could not be read.
func (g *graph) hasSocketLimit(p *proc.Process, t *relate.Task) bool {
	s, ok := g.onSockets[t.Thread]
	if !ok || !g.tick.Host.Live() {
		return false
	}
	times, err := sock.ReadSocketTimes(proc.FDUse{Process: p, FD: s.fd}.TID(), int(s.fd.Num), s.fd.Ino)
	if err != nil {
		return true
	}
	if s.write {
		return times.Send > 0
	}
	return times.Receive > 0
}

// listTracees lists the processes whose first thread is traced, by the pid of the tracer.
func (g *graph) listTracees() map[int][]*proc.Process {
	all := map[int][]*proc.Process{}
	for _, p := range g.tick.Processes() {
		if text, err := g.tick.Host.ReadFile(fmt.Sprintf("/proc/%d/status", p.Living())); err == nil {
			if tracer, err := process.ParseTracer(text); err == nil && tracer != 0 {
				all[tracer] = append(all[tracer], p)
			}
		}
	}
	return all
}
