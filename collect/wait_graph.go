package collect

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
)

// waitGraph works out what each thread of one snapshot waits for and who could end that:
//
//	threads of the walk ─► waitFor: ends of what the call is on ─► relate.Task ─► relate.Solve
//
// What it needs of other mechanisms (sets, sockets, locks) it lists when the first thread waits for such.
type waitGraph struct {
	f  *Facts
	on map[relate.Thread][]schema.Ref

	serves    map[relate.Thread]bool // waits for whatever comes
	children  map[int][]*Process
	sets      func() map[waitKey]*schema.Object
	segments  func() map[waitKey]memoryObject
	values    map[*semRow]semContent
	queues    func() map[waitKey]*schema.Object
	posix     func() map[FileID]schema.Ref
	memory    func() map[FileID]memoryObject
	sockets   func() map[uint64]*socketEnd
	sought    func() map[lockSeeker]*lockRow
	tracees   func() map[int][]*Process
	rings     func() []string               // what fdinfo says of io_urings
	ringed    func() map[*Process]bool      // who has an io_uring
	programs  map[*Process]string           // where exe leads
	handlers  map[*Process]kernel.SignalSet // what it catches
	onSockets map[relate.Thread]socketWait
	numbersOf map[*Process][]int // its pids
	// What many threads may wait for is looked up once, and their Enders are one list.
	numbers  map[numbering][]relate.Ender
	mappings map[waitKey]*mapping
	owners   map[ownership][]relate.Ender
	ends     map[pipeEnd][]relate.Ender
	peers    map[uint64][]relate.Ender     // those at the other end of a socket, by its inode
	sameEnd  map[schema.Ref][]relate.Ender // see sameEnds
	tables   map[*Process][]*Process       // see sharers
}

func newWaitGraph(f *Facts) *waitGraph {
	g := &waitGraph{f: f, on: map[relate.Thread][]schema.Ref{}, serves: map[relate.Thread]bool{}, children: map[int][]*Process{},
		values: map[*semRow]semContent{}, programs: map[*Process]string{}, handlers: map[*Process]kernel.SignalSet{}, onSockets: map[relate.Thread]socketWait{}, numbersOf: map[*Process][]int{},
		numbers: map[numbering][]relate.Ender{}, mappings: map[waitKey]*mapping{}, owners: map[ownership][]relate.Ender{}, ends: map[pipeEnd][]relate.Ender{},
		peers: map[uint64][]relate.Ender{}, sameEnd: map[schema.Ref][]relate.Ender{}, tables: map[*Process][]*Process{}}
	for _, p := range f.Processes() {
		g.children[p.PPID] = append(g.children[p.PPID], p)
	}
	g.sets, g.queues = sync.OnceValue(g.listSets), sync.OnceValue(g.listQueues)
	g.posix, g.memory, g.segments = sync.OnceValue(g.listPosix), sync.OnceValue(g.listMemory), sync.OnceValue(g.listSegments)
	g.sockets, g.sought = sync.OnceValue(g.listSockets), sync.OnceValue(g.listLocks)
	g.rings, g.ringed, g.tracees = sync.OnceValue(g.listRings), sync.OnceValue(g.listRinged), sync.OnceValue(g.listTracees)
	return g
}

// whoCould are who could make an end to what a thread waits for.
type whoCould struct {
	on            []schema.Ref
	enders        []relate.Ender
	open, assumes string // as relate.Wait has them
	// outside says that what it waits for comes from outside of any process here: the network, a terminal, a timer.
	outside bool
	any     bool // none of what it is on is what it waits for more than the others
	merged  bool // enders is a list of its own, in which each says what it could end
}

// addTo adds the enders to a list in which each says what it could end.
func (e *whoCould) addTo(list []relate.Ender) []relate.Ender {
	list = slices.Grow(list, len(e.enders))
	for _, n := range e.enders {
		if n.On.IsZero() && len(e.on) == 1 {
			n.On = e.on[0]
		}
		list = append(list, n)
	}
	return list
}

// or adds what would do as well: a poll waits for any of its descriptors.
func (e *whoCould) or(o whoCould) {
	if !e.merged {
		e.enders, e.merged = e.addTo(nil), true
	}
	e.enders = o.addTo(e.enders)
	for _, r := range o.on {
		if !slices.Contains(e.on, r) {
			e.on = append(e.on, r)
		}
	}
	if e.open == "" {
		e.open = o.open
	}
	if e.assumes == "" {
		e.assumes = o.assumes
	}
	e.outside = e.outside || o.outside
}

// tasks are all threads of all processes. Those of this program are left out: they hold nothing that others wait for.
func (g *waitGraph) tasks() []relate.Task {
	var all []relate.Task
	for _, p := range g.f.Processes() {
		switch {
		case p.KernelThread() || p.gone():
			continue
		case p.PID == g.f.Self:
			all = append(all, g.one(p, relate.Running, "is this program"))
			continue
		case kernel.Denied(p.threadErr):
			all = append(all, g.refused(p))
			continue
		case len(p.threads) == 0:
			all = append(all, g.one(p, relate.Running, "has just changed"))
			continue
		}
		for i := range p.threads {
			if p.threads[i].In != kernel.Ended { // it ends nobody's wait any more
				all = append(all, g.task(p, &p.threads[i]))
			}
		}
	}
	return all
}

// refused is a process that may not be looked into. That it waits for a lock /proc/locks says to everybody.
func (g *waitGraph) refused(p *Process) relate.Task {
	t := g.one(p, relate.Running, "could not be looked into")
	if len(g.f.Locks) == 0 {
		return t
	}
	if r := g.sought()[lockSeeker{p.Ref(), 0}]; r != nil {
		e := g.holders(r)
		t.Activity, t.Doing = relate.Waiting, ""
		t.Wait = relate.Wait{On: r.ref, Call: strings.ToLower(r.Class), Via: strings.TrimSpace(strings.ToLower(r.Class) + " " + r.path()),
			Enders: e.enders, Open: "its own threads, which could not be looked into"}
		g.on[t.Thread] = e.on
	}
	return t
}

// one stands for all threads of a process.
func (g *waitGraph) one(p *Process, a relate.Activity, doing string) relate.Task {
	return relate.Task{Thread: relate.Thread{Proc: p.Ref(), TID: p.PID}, Comm: p.Comm, Activity: a, Doing: doing}
}

// task says what a thread does.
func (g *waitGraph) task(p *Process, th *thread) relate.Task {
	t := relate.Task{Thread: relate.Thread{Proc: p.Ref(), TID: th.TID}, Comm: p.Comm}
	switch {
	case p.State == 'T':
		t.Activity, t.Doing = relate.Stopped, "is stopped"
	case p.State == 't' && g.traced(p, th.TID): // which the first thread's state says of that alone (ptrace(2))
		t.Activity, t.Doing = relate.Stopped, "is stopped by a tracer"
	case th.In == kernel.OnCPU:
		t.Doing = "runs"
	case th.In == kernel.Foreign32:
		t.Doing = "sleeps in a 32-bit call"
	case th.In == kernel.Worker:
		t.Doing = "works in the kernel"
	case th.In != kernel.InCall:
		t.Doing = "is outside of any call"
	default:
		t.Doing = "sleeps in " + th.Call.Name()
		g.wait(&t, p, th)
	}
	return t
}

// wait completes the task where its call waits for somebody.
func (g *waitGraph) wait(t *relate.Task, p *Process, th *thread) {
	e, via, ok := g.waitFor(p, th)
	if !ok || e.outside && len(e.enders) == 0 {
		return
	}
	if self := g.f.Process(g.f.Self); self != nil && g.ownAffair(self, e.enders) {
		t.Doing = "is served by this program" // the rest of a pipeline that it writes into
		return
	}
	if !locking(th.call) && g.ownAffair(p, e.enders) && e.open == "" {
		e.open = "its own process"
	}
	t.Activity = relate.Waiting
	g.serves[t.Thread] = th.Call.Serves()
	t.Wait = relate.Wait{Call: callName(th), Via: via, Since: g.f.sleepsSince(p, th), Timed: th.timed, Timeout: th.timeout,
		Enders: e.enders, Open: e.open, Assumes: e.assumes, Token: g.f.token(th)}
	if len(e.on) > 0 {
		g.on[t.Thread] = e.on
		if !e.any {
			t.Wait.On = e.on[0]
		}
	}
	if e.outside && t.Wait.Open == "" {
		t.Wait.Open = "the world outside"
	}
}

// ownAffair says that any thread of the process could end the wait and nobody else. Of the waiter itself: loops that nobody has given anything to do sleep on a
// pipe or a pair of sockets to themselves, by which their threads wake each other.
func (g *waitGraph) ownAffair(p *Process, enders []relate.Ender) bool {
	own := p.Ref()
	return len(enders) > 0 && !slices.ContainsFunc(enders, func(n relate.Ender) bool { return n.Proc != own || n.TID != 0 })
}

func callName(th *thread) string {
	if th.listed && th.call != "" {
		return th.call
	}
	return th.Call.Name()
}

// waitFor finds who could end the call. ok is false for a call that nothing is known of.
func (g *waitGraph) waitFor(p *Process, th *thread) (e whoCould, via string, ok bool) {
	via = th.via
	switch {
	case th.listed && th.kind == schema.Sem:
		e = g.semop(p, th)
	case th.listed && th.kind == schema.Msg:
		e = g.message(p, th)
	case th.listed && th.kind == schema.Fifo:
		e = whoCould{on: []schema.Ref{{Kind: schema.Fifo, Space: th.fifo.Dev, ID: th.fifo.Ino}}, open: "whoever opens its other end"}
		via += " " + th.fifo.Path
	case th.listed && locking(th.call):
		e, via = g.lock(p, th)
	case th.listed && (th.call == "mq_send" || th.call == "mq_receive"):
		e = g.posixQueue(p, th)
	case kernel.FutexCall(th.Call.NR):
		return g.futexWait(p, th)
	default:
		return g.other(p, th)
	}
	return e, via, true
}

// other is a wait for descriptors, or for a child.
func (g *waitGraph) other(p *Process, th *thread) (e whoCould, via string, ok bool) {
	if pid, which, ok := th.Call.WaitsForChild(); ok {
		return g.child(p, pid, which)
	}
	name := th.Call.Name()
	if num, ok := th.Call.EpollFD(); ok {
		e = g.epoll(p, int32(num), 0)
		return e, fmt.Sprintf("%s on %s", name, several(len(e.on), "object", "objects")), true
	}
	if fds, ok := th.Call.Transfers(); ok {
		fds = g.unready(p, fds)
		for _, fd := range fds {
			if could := g.descriptor(p, fd, 0); len(fds) == 1 {
				e = could
			} else {
				e.or(could)
			}
			if to := p.openFD(int32(fd.FD)); to != nil && to.Kind == FDSocket {
				g.onSockets[relate.Thread{Proc: p.Ref(), TID: th.TID}] = socketWait{to, fd.For&kernel.CanWrite != 0}
				if s := g.sockets()[to.Ino]; s != nil && s.unix != nil && s.unix.Type == kernel.SocketDgram && th.Call.Addresses() {
					e.open = "whoever it sends to, which may be another than its peer"
				}
			}
		}
		return e, fmt.Sprintf("%s fd %d", name, fds[0].FD), true
	}
	for _, fd := range th.fds {
		e.or(g.descriptor(p, fd, 0))
	}
	if len(th.fds) == 0 {
		return e, name, false // it sleeps for a time, or until a signal
	}
	return e, fmt.Sprintf("%s on %s", name, several(len(th.fds), "descriptor", "descriptors")), true
}

// unready are those of two descriptors that the call may wait for: from a file to a full pipe it waits for the pipe.
func (g *waitGraph) unready(p *Process, fds []kernel.AwaitedFD) []kernel.AwaitedFD {
	if len(fds) < 2 || !g.f.Host.Live() {
		return fds
	}
	dir, err := g.f.Host.OpenProc(p.living())
	if err != nil {
		return fds
	}
	defer dir.Close()
	var left []kernel.AwaitedFD
	for _, fd := range fds {
		// What may hang was left out of the table.
		if to := p.openFD(int32(fd.FD)); to != nil && to.Kind == FDFile {
			if ready, err := dir.AlwaysReady(fd.FD); err == nil && ready {
				continue
			}
		}
		left = append(left, fd)
	}
	if len(left) == 0 { // it waits for neither
		return fds
	}
	return left
}

// unseen says what it means for a list of holders that processes refused to be looked into: open where they may be anything, assumed where
// it is the machine's init alone, which holds what it was born with or what was sent to it.
func (g *waitGraph) unseen(source string) (open, assumes string) {
	f := g.f
	others := 0
	for _, p := range f.Refused(source) {
		if p.PID != 1 || f.Nested { // in a container it may be any program
			others++
		}
	}
	switch {
	case f.Hides:
		return "processes that /proc hides", ""
	case f.Restless:
		return "processes that came and went while this looked", ""
	case others > 0:
		return several(others, "process", "processes") + " that could not be looked into", ""
	case len(f.Refused(source)) > 0:
		return "", fmt.Sprintf("process 1/%s, which could not be looked into, has no part in it", f.Refused(source)[0].Comm)
	case f.Nested:
		return "", "no process outside this pid namespace has a part in it"
	}
	return "", ""
}

// handled makes a wait open that only its own process could end otherwise, if that handles signals: a handler may write to its own pipe.
func (g *waitGraph) handled(p *Process, e *whoCould) {
	if e.open != "" || len(e.enders) == 0 || !g.catches(p) {
		return
	}
	own := p.Ref()
	if slices.ContainsFunc(e.enders, func(n relate.Ender) bool { return n.Proc == own }) {
		e.open = "a signal handler of its own"
	}
}

// catches says whether the process has signal handlers, besides those that glibc's threads have (SIGCANCEL, SIGSETXID: nptl(7)).
func (g *waitGraph) catches(p *Process) bool {
	const glibc = 1<<31 | 1<<32 // signals 32 and 33
	return g.caught(p)&^glibc != 0
}

// caught are the signals that a process handles; all, where a live one's could not be read.
func (g *waitGraph) caught(p *Process) kernel.SignalSet {
	set, ok := g.handlers[p]
	if !ok {
		if g.f.Host.Live() {
			set = ^kernel.SignalSet(0)
		}
		if text, err := g.f.Host.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID)); err == nil {
			if masks, err := kernel.ParseSignalMasks(text); err == nil {
				set = masks.Caught
			}
		}
		g.handlers[p] = set
	}
	return set
}

// processEnders makes enders of processes, none of which stands twice in the list.
func processEnders(list []*Process, how string, proof schema.Proof) []relate.Ender {
	enders := make([]relate.Ender, len(list))
	for i, p := range list {
		enders[i] = relate.Ender{Proc: p.Ref(), How: how, Proof: proof}
	}
	return enders
}

// useEnders are the processes behind descriptors, each once: those of one process stand together.
func useEnders(uses []FDUse, pass func(*FD) bool, how string) []relate.Ender {
	var list []*Process
	for _, u := range uses {
		if (pass == nil || pass(u.FD)) && (len(list) == 0 || list[len(list)-1] != u.Process) {
			list = append(list, u.Process)
		}
	}
	return processEnders(list, how, schema.Observed)
}
