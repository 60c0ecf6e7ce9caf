package waits

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ipctop/ipctop/collect/kernel/fdinfo"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sock"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
)

// Waits on descriptors: pipes, FIFOs, sockets, eventfds, pidfds, and epoll instances that watch them.

// socketEnd is a socket that a thread may wait on. One of unix and inet is set.
type socketEnd struct {
	*kinds.Socket
	unix *kinds.UnixRow
	inet *kinds.InetRow
}

func (g *graph) listSockets() map[uint64]*socketEnd {
	all := map[uint64]*socketEnd{}
	addSockets(all, g.tick.Objects(schema.Unix), g.tick.Objects(schema.Inet))
	return all
}

func addSockets(all map[uint64]*socketEnd, unix, inet []*schema.Object) {
	for _, o := range unix {
		r := o.Row.(*kinds.UnixRow)
		all[r.Inode] = &socketEnd{Socket: &r.Socket, unix: r}
	}
	for _, o := range inet {
		if r := o.Row.(*kinds.InetRow); r.Inode != 0 {
			all[r.Inode] = &socketEnd{Socket: &r.Socket, inet: r}
		}
	}
}

// socketOf finds a socket. If the socket is in another network namespace, socketOf reads the sockets there. nil: the
// kernel lists no such socket, or its namespace cannot be entered.
func (g *graph) socketOf(u proc.FDUse) *socketEnd {
	all := g.sockets()
	if s, known := all[u.FD.Ino]; known {
		return s
	}
	all[u.FD.Ino] = nil // ask once
	space, err := g.tick.SocketSpace(u)
	if err != nil || space.Ino == g.tick.OwnSpace("net") || g.visited[space.Ino] {
		return nil
	}
	g.visited[space.Ino] = true
	unix, inet, err := kinds.SocketsIn(g.tick, space)
	if err != nil && !sys.Gone(err) {
		g.tick.Fault("namespaces", err)
	}
	addSockets(all, unix, inet)
	return all[u.FD.Ino]
}

// descriptor finds who could make a descriptor of a thread ready to be read or written.
func (g *graph) descriptor(p *proc.Process, tid int, awaited process.AwaitedFD, depth int) wakers {
	fd := p.OpenFD(tid, int32(awaited.FD))
	if fd == nil {
		return wakers{outside: true, open: fmt.Sprintf("whatever its descriptor %d leads to", awaited.FD)}
	}
	var e wakers
	switch g.tick.KindOf(fd) {
	case schema.Pipe, schema.Fifo:
		e = g.pipe(p, fd, awaited.For)
	case "":
		if fd.Kind != proc.FDSocket {
			e = wakers{outside: true, open: "what it has open as descriptor " + fmt.Sprint(fd.Num)}
			break
		}
		e = g.socket(p, fd, awaited.For)
	case schema.EventFD:
		e = g.eventfd(p, fd)
	case schema.Epoll:
		e = g.epoll(p, tid, fd.Num, depth+1)
	case schema.PidFD:
		e = g.pidfd(p, fd)
	case schema.Pty:
		e = g.pty(p, fd, awaited.For)
	case schema.TimerFD:
		e = wakers{outside: true, open: "a timer"}
	case schema.SignalFD:
		e = wakers{outside: true, open: "a signal"}
	case schema.Inotify:
		e = wakers{outside: true, open: "a change to a file that it watches"}
	case schema.IOUring:
		e = wakers{outside: true, open: "the completion of input or output"}
	default:
		e = wakers{outside: true, open: "what it has open as descriptor " + fmt.Sprint(fd.Num)}
	}
	g.openIfHandled(p, &e)
	return e
}

// pipe finds the enders of a wait on a pipe or FIFO. A read ends when somebody writes, or when the last writer closes.
// A write ends when somebody reads, or when the last reader closes (pipe(7)).
func (g *graph) pipe(p *proc.Process, fd *proc.FD, awaited fdinfo.Access) wakers {
	kind, dev := schema.Pipe, uint64(0)
	if fd.Kind == proc.FDFifo {
		kind, dev = schema.Fifo, fd.Dev
	}
	e := wakers{on: []schema.Ref{{Kind: kind, Space: dev, ID: fd.Ino}}}
	if awaited == 0 { // a poll for errors and hang-ups only
		awaited = fd.Access
	}
	e.enders = g.pipeEnds(fd, awaited)
	e.open, e.assumes = g.unseenHolders("fd")
	switch {
	case e.open != "":
	case kind == schema.Fifo && g.hasName(p, fd):
		// A FIFO has a name so that others can open it. Readers often keep a write end themselves: so they see no end
		// of file between two writers (fifo(7)).
		e.open = "whoever opens the FIFO"
	case len(e.enders) == 0:
		// Without another end the call would not sleep. The other end may be in a message on a socket.
		e.open = "whoever has the other end, which was not found"
	}
	return e
}

// pipeEnd names one side of a pipe or FIFO.
type pipeEnd struct {
	kind proc.FDKind
	id   proc.FileID
	to   fdinfo.Access
}

// pipeEnds are the processes at the other end. awaited tells whether the waiter waits to read, to write, or both.
func (g *graph) pipeEnds(fd *proc.FD, awaited fdinfo.Access) []relate.Ender {
	end := pipeEnd{fd.Kind, proc.FileID{Dev: fd.Dev, Ino: fd.Ino}, awaited}
	enders, ok := g.ends[end]
	if !ok {
		uses := g.tick.FDUses(fd.Kind, fd.Dev, fd.Ino)
		if awaited&fdinfo.CanRead != 0 {
			enders = useEnders(uses, kinds.CanWrite, "has its writing end")
		}
		if awaited&fdinfo.CanWrite != 0 {
			enders = append(enders, useEnders(uses, kinds.CanRead, "has its reading end")...)
		}
		g.ends[end] = enders
	}
	return enders
}

// hasName reports true if a FIFO still has a name. The path of the descriptor shows only that the name it was opened by
// is gone. Also, a name may itself end in " (deleted)".
func (g *graph) hasName(p *proc.Process, fd *proc.FD) bool {
	if !strings.HasSuffix(fd.Path, proc.DeletedSuffix) {
		return true
	}
	if !g.tick.Host.Live() {
		return false
	}
	dir, err := g.tick.Host.OpenProc(proc.FDUse{Process: p, FD: fd}.TID())
	if err != nil {
		return true
	}
	defer dir.Close()
	file, err := dir.StatOpen(int(fd.Num))
	return err != nil || file.Links > 0
}

// socket finds the enders of a wait on a socket: the processes at the other end. Anybody may send to a socket that
// listens or has a name. Only the receiver makes room for what the waiter sends.
func (g *graph) socket(p *proc.Process, fd *proc.FD, awaited fdinfo.Access) wakers {
	s := g.socketOf(proc.FDUse{Process: p, FD: fd})
	if s == nil {
		return wakers{outside: true, open: "the other end of its socket"}
	}
	e := wakers{on: []schema.Ref{s.Ref}}
	e.enders = g.peersOf(fd.Ino, s)
	listens := s.unix != nil && s.unix.State == sock.SocketListen || s.inet != nil && s.inet.Listens()
	switch {
	case listens:
		e.open = "whoever connects to it"
	case s.unix != nil && s.unix.Type == sock.SocketDgram && awaited&fdinfo.CanRead != 0 &&
		(s.unix.Naming != sock.UnixUnnamed || s.Other == nil):
		e.open = "whoever sends to it"
	case s.inet != nil && s.inet.Connects() && s.Listener != nil:
		// The kernel gives up after tcp_syn_retries (tcp(7)).
		e.on, e.enders, e.timed = []schema.Ref{s.Listener.Ref}, g.usersOf(s.Listener.Uses, nil, listensOn), true
	case s.inet != nil && (!s.inet.Stream() || s.Other == nil):
		e.outside, e.open = true, "the network"
	case len(e.enders) == 0:
		e.open = "whoever has the other end, which was not found"
	default:
		e.open, e.assumes = g.unseenHolders("fd")
	}
	return e
}

// peersOf are the processes at the other end of a socket, or those that have the listener it waits for.
func (g *graph) peersOf(ino uint64, s *socketEnd) []relate.Ender {
	enders, ok := g.peers[ino]
	if ok {
		return enders
	}
	switch {
	case s.Listener != nil:
		enders = useEnders(s.Listener.Uses, nil, "has the listener that it waits for")
	case s.Other != nil && s.OtherProof == schema.Observed:
		enders = useEnders(s.Other.Uses, nil, "has the other end")
	}
	g.peers[ino] = enders
	return enders
}

// eventfd finds the enders of a wait on an eventfd: the other processes that have it open. The kernel itself signals
// some eventfds (aio, KVM, memory pressure). A process may also signal its own eventfd from other threads and from
// signal handlers.
func (g *graph) eventfd(p *proc.Process, fd *proc.FD) wakers {
	own, ok := kinds.EventFDIdentity(p.Info[fd.ID()].Text)
	if !ok {
		return wakers{outside: true, open: "an eventfd that could not be looked at"}
	}
	e := wakers{on: []schema.Ref{own}}
	e.enders = g.usersOf(g.eventfdUses()[own], nil, "has it open")
	others := len(e.enders) > 1 || len(e.enders) == 1 && e.enders[0].Proc != p.Ref()
	if e.open, e.assumes = g.unseenHolders("fd"); e.open != "" {
		return e
	}
	if !others {
		e.open = "its own process or the kernel"
	} else if e.assumes == "" {
		e.assumes = "the kernel is not to signal the eventfd"
	}
	return e
}

// listEventfds lists the descriptors of each eventfd.
func (g *graph) listEventfds() map[schema.Ref][]proc.FDUse {
	all := map[schema.Ref][]proc.FDUse{}
	for _, n := range g.tick.Instances(schema.EventFD) {
		all[n.Ref] = n.Uses
	}
	return all
}

// pidfd finds the ender of a wait on a pidfd. The pidfd becomes readable when its process ends.
func (g *graph) pidfd(p *proc.Process, fd *proc.FD) wakers {
	info, err := fdinfo.ParsePidFD(p.Info[fd.ID()].Text)
	if err != nil {
		return wakers{outside: true, open: "a process that its pidfd does not tell"}
	}
	child := g.tick.Process(info.PID)
	if child == nil || child.Gone() {
		return wakers{outside: true, open: "a process that has ended or is outside this pid namespace"}
	}
	return wakers{on: []schema.Ref{child.Ref()},
		enders: processEnders([]*proc.Process{child}, "is that process", schema.Observed)}
}

// epoll finds the enders of a wait on an epoll instance: any watched descriptor will do. Instances may watch each
// other. The kernel limits their depth to 5 (EP_MAX_NESTS, fs/eventpoll.c).
func (g *graph) epoll(p *proc.Process, tid int, num int32, depth int) wakers {
	const maxNests = 5
	info, ok := p.Info[proc.FDNum{Table: p.TableOf(tid), Num: num}]
	if !ok || info.Err != nil || depth > maxNests {
		return wakers{outside: true, open: "what its epoll instance watches"}
	}
	var e wakers
	targets := fdinfo.ParseEpoll(info.Text)
	nth := map[int]int{} // targets so far, by number
	for _, t := range targets {
		q, thread, assumes := g.watchedBy(p, tid, num, &t, nth[t.FD])
		nth[t.FD]++
		if q == nil { // added under another number, or closed since then
			g.or(&e, wakers{outside: true, open: "what its epoll instance watches"})
			continue
		}
		could := g.descriptor(q, thread, process.AwaitedFD{FD: t.FD, For: t.For()}, depth)
		if could.assumes == "" {
			could.assumes = assumes
		}
		g.or(&e, could)
	}
	if len(targets) == 0 {
		e = wakers{outside: true, open: "what somebody adds to its epoll instance"}
	}
	return e
}

func (g *graph) listPosix() map[proc.FileID]schema.Ref {
	all := map[proc.FileID]schema.Ref{}
	for _, o := range g.tick.Objects(schema.PMsg) {
		r := o.Row.(*kinds.PMsgRow)
		all[proc.FileID{Dev: r.Dev, Ino: r.Ino}] = o.Ref
	}
	return all
}

// posixQueue finds the enders of a wait on a POSIX queue: processes that have it open for the other direction. Anybody
// who opens the queue by its name can end the wait too.
func (g *graph) posixQueue(p *proc.Process, th *proc.Thread) wakers {
	fd := p.OpenFD(th.TID, th.FD)
	if fd == nil {
		return wakers{open: "whoever has the queue open"}
	}
	pass, how, open := kinds.CanRead, "has it open to receive", "whoever receives from it"
	if th.Syscall == "mq_receive" {
		pass, how, open = kinds.CanWrite, "has it open to send", "whoever sends to it"
	}
	e := wakers{open: open}
	e.enders = g.usersOf(g.tick.FDUses(proc.FDFile, fd.Dev, fd.Ino), pass, how)
	if len(p.Tasks) > 1 || g.onlyThreadsOf(p, e.enders) { // else the process itself is an ender that sleeps
		e.enders = slices.DeleteFunc(slices.Clone(e.enders),
			func(n relate.Ender) bool { return n.Proc == p.Ref() })
	}
	if ref, ok := g.posix()[proc.FileID{Dev: fd.Dev, Ino: fd.Ino}]; ok {
		e.on = []schema.Ref{ref}
	}
	return e
}

// lockWaiter is a thread that waits for a lock. TID is 0 if /proc/locks names only the process.
type lockWaiter struct {
	process schema.Ref
	tid     int
}

func (g *graph) listLocks() map[lockWaiter]*kinds.LockRow {
	all := map[lockWaiter]*kinds.LockRow{}
	for _, o := range g.tick.Objects(schema.Lock) {
		r := o.Row.(*kinds.LockRow)
		for _, w := range r.Waits {
			all[lockWaiter{w.End.Ref(), w.End.TID}] = r
		}
	}
	return all
}

// lock finds the enders of a wait for a lock: its holders. A POSIX lock belongs to a process. The other locks belong to
// an open file: they end with its last descriptor, or any process that has one unlocks them (flock(2), F_OFD_SETLK in
// fcntl(2)).
func (g *graph) lock(p *proc.Process, th *proc.Thread) (e wakers, via string) {
	r := g.wantedLock(p, th.TID)
	if r == nil {
		return wakers{open: "whoever has the lock, who was not found"}, th.Via
	}
	return g.holders(r), strings.TrimSpace(th.Syscall + " " + r.Path())
}

// wantedLock is the lock that a thread waits for; nil: /proc/locks names none.
func (g *graph) wantedLock(p *proc.Process, tid int) *kinds.LockRow {
	if r := g.wantedLocks()[lockWaiter{p.Ref(), tid}]; r != nil {
		return r
	}
	return g.wantedLocks()[lockWaiter{p.Ref(), 0}]
}

// holders are the processes that have a lock.
func (g *graph) holders(r *kinds.LockRow) wakers {
	e := wakers{on: []schema.Ref{r.Ref}}
	switch {
	case r.Class == "POSIX" && r.Owner != nil:
		e.enders = []relate.Ender{{Proc: r.Owner.Ref(), How: "holds it", Proof: schema.Observed}}
	case len(r.Uses) > 0:
		e.enders = g.usersOf(r.Uses, nil, "holds it")
		e.open, e.assumes = g.unseenHolders("fd")
	default:
		e.open = "whoever has the lock, who was not found"
	}
	return e
}

// watchedBy finds a process, and a thread of it, whose descriptor leads to a target of an epoll instance. The target
// keeps its number and its open file when the process gives the number to another file, and in the children of the
// process. An inode identifies pipes, FIFOs and sockets. Other anonymous files share one inode. For them kcmp(2) tells
// if it is the same open file.
func (g *graph) watchedBy(p *proc.Process, tid int, num int32, t *fdinfo.EpollTarget, nth int) (q *proc.Process,
	thread int, assumes string) {
	fd := p.OpenFD(tid, int32(t.FD))
	switch {
	case fd != nil && fd.Ino != 0 && (!t.HasFile || fd.Ino == t.Ino):
		return p, tid, ""
	case !g.tick.Host.Live():
		if fd == nil || fd.Ino != 0 {
			return nil, 0, ""
		}
		return p, tid, ""
	}
	leads := func(q *proc.Process, thread int) (bool, error) {
		to := q.OpenFD(thread, int32(t.FD))
		if to == nil || to.Ino != 0 {
			return to != nil && t.HasFile && to.Ino == t.Ino, nil
		}
		return process.WatchesFile(tid, int(num), t.FD, nth, thread, t.FD)
	}
	switch same, err := leads(p, tid); {
	case err != nil:
		return p, tid, fmt.Sprintf("descriptor %d of %d/%s is still the one that its epoll instance watches",
			t.FD, p.PID, p.Comm)
	case same:
		return p, tid, ""
	}
	for _, q := range g.tick.Processes() { // its parent may have added it, or a thread with a table of its own
		if q.KernelThread() || q.Gone() {
			continue
		}
		for _, thread := range q.TableThreads() {
			if same, err := leads(q, thread); err == nil && same {
				return q, thread, ""
			}
		}
	}
	return nil, 0, ""
}
