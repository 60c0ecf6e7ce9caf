package waits

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/ipctop/ipctop/collect/kernel/fdinfo"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sock"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
)

// graph works out for each thread of one snapshot what the thread waits for, and who could end the wait:
//
//	threads of the walk ─► waitFor: the enders of the call ─► relate.Task ─► relate.Solve
//
// It lists the objects of another kind (sets, sockets, locks) when the first thread waits for such an object.
type graph struct {
	tick *proc.Tick
	on   map[relate.Thread][]schema.Ref

	serves     map[relate.Thread]bool   // threads that wait for any request
	own        map[relate.Thread]bool   // threads whose wait only their own process could end
	hands      map[*proc.Process]string // see otherHand
	ownFutexes map[relate.Thread]bool   // threads that sleep on a futex of their own memory
	// threads that wait for a lock whose owner is no thread of their process
	left        map[relate.Thread]bool
	busy        map[*proc.Process][]relate.Ender // see busyThreads
	children    map[int][]*proc.Process
	sets        func() map[proc.WaitKey]*schema.Object
	segments    func() map[proc.WaitKey]memoryObject
	values      map[*kinds.SemRow]semContent
	queues      func() map[proc.WaitKey]*schema.Object
	posix       func() map[proc.FileID]schema.Ref
	memory      func() map[proc.FileID]memoryObject
	sockets     func() map[uint64]*socketEnd
	ptys        func() map[endUse]*schema.Object
	eventfdUses func() map[schema.Ref][]proc.FDUse
	epolls      func() map[descriptorOf]*proc.Instance
	vforks      map[relate.Thread]bool // threads that wait for a child in their memory
	visited     map[uint64]bool        // network namespaces whose sockets were added to sockets
	wantedLocks func() map[lockWaiter]*kinds.LockRow
	tracees     func() map[int][]*proc.Process
	ringTexts   func() []string                 // fdinfo of each io_uring
	ringUsers   func() map[*proc.Process]bool   // processes that have an io_uring
	programs    map[*proc.Process]string        // the target of exe
	caught      map[*proc.Process]sys.SignalSet // see caughtSignals
	onSockets   map[relate.Thread]socketWait
	numbersOf   map[*proc.Process][]int // its pids, by namespace
	// Many threads may wait for the same thing. So its enders are looked up once, and the threads share the list.
	numbers  map[threadNumber][]relate.Ender
	mappings map[proc.WaitKey]*mapping
	owners   map[ownership]owners
	ends     map[pipeEnd][]relate.Ender
	peers    map[uint64][]relate.Ender     // the other end of a socket, by inode
	sameEnd  map[schema.Ref][]relate.Ender // see weakly
	arguments
	sharedLists
}

func newGraph(t *proc.Tick) *graph {
	g := &graph{tick: t, on: map[relate.Thread][]schema.Ref{}, serves: map[relate.Thread]bool{},
		children: map[int][]*proc.Process{},
		values:   map[*kinds.SemRow]semContent{}, programs: map[*proc.Process]string{},
		caught: map[*proc.Process]sys.SignalSet{},
		own:    map[relate.Thread]bool{}, hands: map[*proc.Process]string{},
		ownFutexes: map[relate.Thread]bool{}, left: map[relate.Thread]bool{},
		busy: map[*proc.Process][]relate.Ender{}, vforks: map[relate.Thread]bool{},
		onSockets: map[relate.Thread]socketWait{},
		numbersOf: map[*proc.Process][]int{},
		numbers:   map[threadNumber][]relate.Ender{}, mappings: map[proc.WaitKey]*mapping{},
		owners: map[ownership]owners{}, ends: map[pipeEnd][]relate.Ender{},
		peers: map[uint64][]relate.Ender{}, sameEnd: map[schema.Ref][]relate.Ender{},
		visited: map[uint64]bool{}, arguments: newArguments(), sharedLists: newSharedLists()}
	for _, p := range t.Processes() {
		g.children[p.PPID] = append(g.children[p.PPID], p)
	}
	g.sets, g.queues = sync.OnceValue(g.listSets), sync.OnceValue(g.listQueues)
	g.posix, g.memory, g.segments = sync.OnceValue(g.listPosix), sync.OnceValue(g.listMemory),
		sync.OnceValue(g.listSegments)
	g.ptys, g.eventfdUses = sync.OnceValue(g.listPtys), sync.OnceValue(g.listEventfds)
	g.epolls = sync.OnceValue(g.listEpolls)
	g.sockets, g.wantedLocks = sync.OnceValue(g.listSockets), sync.OnceValue(g.listLocks)
	g.ringTexts, g.ringUsers, g.tracees = sync.OnceValue(g.listRingTexts), sync.OnceValue(g.listRingUsers),
		sync.OnceValue(g.listTracees)
	return g
}

// wakers are all that could end a thread's wait.
type wakers struct {
	on            []schema.Ref
	enders        []relate.Ender
	open, assumes string // see relate.Wait
	left          string // see relate.Wait
	byHandler     bool
	timed         bool // it ends by itself
	// outside is true if the awaited event comes from outside of all processes here: the network, a terminal, a timer.
	outside bool
	any     bool // any of the objects will do: none stands for the wait
	merged  bool // each ender names its object
}

// tasks lists all threads of all processes. This program is one running task: no other process waits for its objects.
func (g *graph) tasks() []relate.Task {
	var all []relate.Task
	for _, p := range g.tick.Processes() {
		switch {
		case p.KernelThread() || p.Gone():
			continue
		case p.PID == g.tick.Self:
			all = append(all, g.wholeProcess(p, relate.Running, "is this program"))
			continue
		case p.TaskErr != nil && !sys.Gone(p.TaskErr): // some of its threads may be missing
			all = append(all, g.refusedTask(p))
			continue
		case len(p.Tasks) == 0:
			all = append(all, g.wholeProcess(p, relate.Running, "has just changed"))
			continue
		}
		for i := range p.Tasks {
			if p.Tasks[i].In != process.Ended { // it can end no wait any more
				all = append(all, g.task(p, &p.Tasks[i]))
			}
		}
	}
	return all
}

// refusedTask is the task of a process that may not be looked into. /proc/locks still shows everybody that it waits for
// a lock.
func (g *graph) refusedTask(p *proc.Process) relate.Task {
	t := g.wholeProcess(p, relate.Running, "could not be looked into")
	if len(g.tick.Locks) == 0 {
		return t
	}
	if r := g.wantedLocks()[lockWaiter{p.Ref(), 0}]; r != nil {
		e := g.holders(r)
		t.Activity, t.Doing = relate.Waiting, ""
		t.Wait = relate.Wait{On: r.Ref, Call: strings.ToLower(r.Class),
			Via:    strings.TrimSpace(strings.ToLower(r.Class) + " " + r.Path()),
			Enders: e.enders, Open: "its own threads, which could not be looked into"}
		g.on[t.Thread] = e.on
	}
	return t
}

// wholeProcess is one task for all threads of a process.
func (g *graph) wholeProcess(p *proc.Process, a relate.Activity, doing string) relate.Task {
	return relate.Task{Thread: relate.Thread{Proc: p.Ref(), TID: p.PID}, Comm: p.Comm, Activity: a, Doing: doing}
}

// task is the state of a thread.
func (g *graph) task(p *proc.Process, th *proc.Thread) relate.Task {
	t := relate.Task{Thread: relate.Thread{Proc: p.Ref(), TID: th.TID}, Comm: p.Comm}
	switch {
	case p.State == 'T':
		t.Activity, t.Doing = relate.Stopped, "is stopped"
	case p.State == 't' && g.stoppedByTracer(p, th.TID): // 't' is the state of the first thread only (ptrace(2))
		t.Activity, t.Doing = relate.Stopped, "is stopped by a tracer"
	case th.In == process.OnCPU:
		t.Doing = "runs"
	case g.kernelWait(&t, p, th):
	case th.In == process.Foreign32:
		t.Doing = "sleeps in a 32-bit call"
	case th.In == process.Worker:
		t.Doing = "works in the kernel"
	case th.In != process.InCall:
		t.Doing = "is outside of any call"
	default:
		t.Doing = sleepsIn + th.Call.Name()
		g.completeWait(&t, p, th)
	}
	return t
}

// completeWait completes the task if its call waits for somebody.
func (g *graph) completeWait(t *relate.Task, p *proc.Process, th *proc.Thread) {
	e, via, ok := g.waitFor(p, th)
	if !ok || e.outside && len(e.enders) == 0 {
		return
	}
	if self := g.tick.Process(g.tick.Self); self != nil && g.onlyThreadsOf(self, e.enders) {
		t.Doing = waitsForThis
		return
	}
	g.ownAffair(p, th, &e)
	t.Activity = relate.Waiting
	g.serves[t.Thread] = th.Call.Serves()
	t.Wait = relate.Wait{Call: callName(th), Via: via, Since: g.tick.SleepsSince(p, th), Timed: th.Timed || e.timed,
		Timeout: th.Timeout,
		Enders:  e.enders, Open: e.open, Assumes: e.assumes, Left: e.left, ByHandler: e.byHandler,
		Token: g.tick.Token(th)}
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

// onlyThreadsOf reports true if every ender is process p as a whole: any of its threads could end the wait, and
// nobody else. With the waiter's own process as p this is an idle loop, whose threads wake each other by a pipe or
// socket pair.
func (g *graph) onlyThreadsOf(p *proc.Process, enders []relate.Ender) bool {
	own := p.Ref()
	return len(enders) > 0 && !slices.ContainsFunc(enders,
		func(n relate.Ender) bool { return n.Proc != own || n.TID != 0 })
}

func callName(th *proc.Thread) string {
	if th.Listed && th.Syscall != "" {
		return th.Syscall
	}
	return th.Call.Name()
}

// waitFor finds the enders of the call. ok is false if nothing is known of the call.
func (g *graph) waitFor(p *proc.Process, th *proc.Thread) (e wakers, via string, ok bool) {
	via = th.Via
	switch {
	case th.Listed && th.Kind == schema.Sem:
		e = g.semop(p, th)
	case th.Listed && th.Kind == schema.Msg:
		e = g.message(p, th)
	case th.Listed && th.Kind == schema.Fifo:
		e = wakers{on: []schema.Ref{{Kind: schema.Fifo, Space: th.Fifo.Dev, ID: th.Fifo.Ino}},
			open: "whoever opens its other end"}
		via += " " + th.Fifo.Path
	case th.Listed && proc.Locking(th.Syscall):
		e, via = g.lock(p, th)
	case th.Listed && (th.Syscall == "mq_send" || th.Syscall == "mq_receive"):
		e = g.posixQueue(p, th)
	case process.FutexCall(th.Call.NR):
		return g.futexWait(p, th)
	default:
		return g.otherCall(p, th)
	}
	return e, via, true
}

// otherCall finds the enders of a wait for descriptors or for a child.
func (g *graph) otherCall(p *proc.Process, th *proc.Thread) (e wakers, via string, ok bool) {
	if pid, which, ok := th.Call.WaitsForChild(); ok {
		return g.child(p, th.TID, pid, which)
	}
	if th.Call.MayVfork() {
		e = g.vforked(p, th)
		return e, "vfork", len(e.enders) > 0
	}
	name := th.Call.Name()
	if num, ok := th.Call.EpollFD(); ok {
		e = g.epoll(p, th.TID, int32(num), 0)
		return e, fmt.Sprintf("%s on %s", name, schema.Counted(len(e.on), "object")), true
	}
	if th.Call.Connects() {
		if e, via, ok := g.unixConnect(p, th); ok {
			return e, via, true
		}
	}
	if fds, ok := th.Call.Transfers(); ok {
		fds = g.unready(p, th.TID, fds)
		for _, fd := range fds {
			if could := g.descriptor(p, th.TID, fd, 0); len(fds) == 1 {
				e = could
			} else {
				g.or(&e, could)
			}
			if to := p.OpenFD(th.TID, int32(fd.FD)); to != nil && to.Kind == proc.FDSocket {
				g.onSockets[relate.Thread{Proc: p.Ref(), TID: th.TID}] = socketWait{to, fd.For&fdinfo.CanWrite != 0}
				if s := g.sockets()[to.Ino]; s != nil && s.unix != nil && s.unix.Type == sock.SocketDgram &&
					th.Call.NamesReceiver() {
					e.open = "whoever it sends to, which may be another than its peer"
				}
			}
		}
		return e, fmt.Sprintf("%s fd %d", name, fds[0].FD), true
	}
	for _, fd := range th.Polled {
		g.or(&e, g.descriptor(p, th.TID, fd, 0))
	}
	if len(th.Polled) == 0 {
		return e, name, false // it sleeps for a time, or until a signal
	}
	return e, fmt.Sprintf("%s on %s", name, schema.Counted(len(th.Polled), "descriptor")), true
}

// unready leaves out a descriptor that is always ready. A copy from a file to a full pipe has two descriptors, and it
// waits only for the pipe.
func (g *graph) unready(p *proc.Process, tid int, fds []process.AwaitedFD) []process.AwaitedFD {
	if len(fds) < 2 || !g.tick.Host.Live() {
		return fds
	}
	dir, err := g.tick.Host.OpenProc(tid)
	if err != nil {
		return fds
	}
	defer dir.Close()
	var left []process.AwaitedFD
	for _, fd := range fds {
		// The table holds only files that cannot hang.
		if to := p.OpenFD(tid, int32(fd.FD)); to != nil && to.Kind == proc.FDFile {
			if ready, err := dir.AlwaysReady(fd.FD); err == nil && ready {
				continue
			}
		}
		left = append(left, fd)
	}
	if len(left) == 0 { // the call waits for neither
		return fds
	}
	return left
}

// unseenHolders tells what it means for a list of holders that some processes could not be looked into. The wait is
// open if these may be any processes. If only the machine's init was refused, the wait assumes that init holds no
// end: init has only descriptors from its start, or those that were sent to it.
func (g *graph) unseenHolders(source string) (open, assumes string) {
	f := g.tick
	others := f.Unread()
	for _, p := range f.Refused(source) {
		if p.PID != 1 || f.Nested { // in a container process 1 may be any program
			others++
		}
	}
	switch {
	case f.Hides:
		return "processes that /proc hides", ""
	case f.Restless:
		return "processes that came and went while this looked", ""
	case others > 0:
		return schema.Counted(others, "process") + " that could not be looked into", ""
	case len(f.Refused(source)) > 0:
		return "", fmt.Sprintf("process 1/%s, which could not be looked into, has no part in it",
			f.Refused(source)[0].Comm)
	case f.Nested:
		return "", "no process outside this pid namespace has a part in it"
	}
	return "", ""
}

// processEnders makes enders of processes. The caller lists no process twice.
func processEnders(list []*proc.Process, how string, proof schema.Proof) []relate.Ender {
	enders := make([]relate.Ender, len(list))
	for i, p := range list {
		enders[i] = relate.Ender{Proc: p.Ref(), How: how, Proof: proof}
	}
	return enders
}

// useEnders makes enders of the processes behind descriptors, each process once. The descriptors of a process follow
// each other.
func useEnders(uses []proc.FDUse, pass func(*proc.FD) bool, how string) []relate.Ender {
	var enders []relate.Ender
	var last *proc.Process
	for _, u := range uses {
		if (pass == nil || pass(u.FD)) && last != u.Process {
			last = u.Process
			enders = append(enders, relate.Ender{Proc: last.Ref(), How: how, Proof: schema.Observed,
				ByFD: true, FD: u.FD.Num})
		}
	}
	return enders
}
