package collect

import (
	"fmt"
	"strings"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
)

// Waits on descriptors: pipes, FIFOs, sockets, eventfds, pidfds, and epoll instances of such.

// socketEnd is a socket as somebody waits on it.
type socketEnd struct {
	*socket
	unix *unixRow
	inet *inetRow
}

func (g *waitGraph) listSockets() map[uint64]*socketEnd {
	all := map[uint64]*socketEnd{}
	for _, o := range g.f.Objects(schema.Unix) {
		r := o.Row.(*unixRow)
		all[r.Inode] = &socketEnd{socket: &r.socket, unix: r}
	}
	for _, o := range g.f.Objects(schema.Inet) {
		if r := o.Row.(*inetRow); r.Inode != 0 {
			all[r.Inode] = &socketEnd{socket: &r.socket, inet: r}
		}
	}
	return all
}

// descriptor finds who could make a descriptor ready to be read or written.
func (g *waitGraph) descriptor(p *Process, awaited kernel.AwaitedFD, depth int) whoCould {
	fd := p.openFD(int32(awaited.FD))
	if fd == nil {
		return whoCould{outside: true, open: fmt.Sprintf("whatever its descriptor %d leads to", awaited.FD)}
	}
	var e whoCould
	switch g.f.KindOf(fd) {
	case schema.Pipe, schema.Fifo:
		e = g.pipe(p, fd, awaited.For)
	case "":
		if fd.Kind != FDSocket {
			e = whoCould{outside: true, open: "what it has open as descriptor " + fmt.Sprint(fd.Num)}
			break
		}
		e = g.socket(fd, awaited.For)
	case schema.EventFD:
		e = g.eventfd(p, fd)
	case schema.Epoll:
		e = g.epoll(p, fd.Num, depth+1)
	case schema.PidFD:
		e = g.pidfd(p, fd)
	case schema.TimerFD:
		e = whoCould{outside: true, open: "a timer"}
	case schema.SignalFD:
		e = whoCould{outside: true, open: "a signal"}
	case schema.Inotify:
		e = whoCould{outside: true, open: "a change to a file that it watches"}
	case schema.IOUring:
		e = whoCould{outside: true, open: "the completion of input or output"}
	default:
		e = whoCould{outside: true, open: "what it has open as descriptor " + fmt.Sprint(fd.Num)}
	}
	g.handled(p, &e)
	return e
}

// pipe: a read ends when somebody writes or the last writer closes, a write when somebody reads or the last reader closes (pipe(7)).
func (g *waitGraph) pipe(p *Process, fd *FD, awaited kernel.Access) whoCould {
	kind, dev := schema.Pipe, uint64(0)
	if fd.Kind == FDFifo {
		kind, dev = schema.Fifo, fd.Dev
	}
	e := whoCould{on: []schema.Ref{{Kind: kind, Space: dev, ID: fd.Ino}}}
	if awaited == 0 { // a poll for nothing but errors and hang-ups
		awaited = fd.Access
	}
	e.enders = g.pipeEnds(fd, awaited)
	e.open, e.assumes = g.unseen("fd")
	switch {
	case e.open != "":
	case kind == schema.Fifo && g.named(p, fd):
		// That is what its name is for: readers keep a writing end themselves, so as not to see the end of the file between two of them (fifo(7)).
		e.open = "whoever opens the FIFO"
	case len(e.enders) == 0:
		e.open = "whoever has the other end, which was not found" // else the call would not sleep: perhaps it is on its way in a socket
	}
	return e
}

// pipeEnd is what somebody waits for at a pipe or FIFO.
type pipeEnd struct {
	kind FDKind
	id   FileID
	to   kernel.Access
}

// pipeEnds are those at the other end, for who waits to read, or to write, or both.
func (g *waitGraph) pipeEnds(fd *FD, awaited kernel.Access) []relate.Ender {
	end := pipeEnd{fd.Kind, FileID{fd.Dev, fd.Ino}, awaited}
	enders, ok := g.ends[end]
	if !ok {
		uses := g.f.FDUses(fd.Kind, fd.Dev, fd.Ino)
		if awaited&kernel.CanRead != 0 {
			enders = useEnders(uses, canWrite, "has its writing end")
		}
		if awaited&kernel.CanWrite != 0 {
			enders = append(enders, useEnders(uses, canRead, "has its reading end")...)
		}
		g.ends[end] = enders
	}
	return enders
}

// named says whether a FIFO has a name left. The path of a descriptor tells only whether the one is gone by which it was opened, and a name may
// itself end as that of a file without one does.
func (g *waitGraph) named(p *Process, fd *FD) bool {
	if !strings.HasSuffix(fd.Path, deletedSuffix) {
		return true
	}
	if !g.f.Host.Live() {
		return false
	}
	dir, err := g.f.Host.OpenProc(p.living())
	if err != nil {
		return true
	}
	defer dir.Close()
	file, err := dir.StatOpen(int(fd.Num))
	return err != nil || file.Links > 0
}

// socket: whoever has the other end of a connection. What is bound to a name or listens, anybody may send to; room for what it sends only the
// receiver makes.
func (g *waitGraph) socket(fd *FD, awaited kernel.Access) whoCould {
	s := g.sockets()[fd.Ino]
	if s == nil {
		return whoCould{outside: true, open: "the other end of its socket"}
	}
	e := whoCould{on: []schema.Ref{s.ref}}
	e.enders = g.peersOf(fd.Ino, s)
	listens := s.unix != nil && s.unix.State == kernel.SocketListen || s.inet != nil && s.inet.listens()
	switch {
	case listens:
		e.open = "whoever connects to it"
	case s.unix != nil && s.unix.Type == kernel.SocketDgram && awaited&kernel.CanRead != 0 && (s.unix.Naming != kernel.UnixUnnamed || s.peer == nil):
		e.open = "whoever sends to it"
	case s.inet != nil && (s.inet.Protocol != "tcp" || s.peer == nil):
		e.outside, e.open = true, "the network"
	case len(e.enders) == 0:
		e.open = "whoever has the other end, which was not found"
	default:
		e.open, e.assumes = g.unseen("fd")
	}
	return e
}

// peersOf are those at the other end of a socket, or who have the listener that it waits for.
func (g *waitGraph) peersOf(ino uint64, s *socketEnd) []relate.Ender {
	enders, ok := g.peers[ino]
	if ok {
		return enders
	}
	switch {
	case s.listener != nil:
		enders = useEnders(s.listener.uses, nil, "has the listener that it waits for")
	case s.peer != nil && s.peerProof == schema.Observed:
		enders = useEnders(s.peer.uses, nil, "has the other end")
	}
	g.peers[ino] = enders
	return enders
}

// eventfd: whoever else has it open. The kernel signals some of them itself (aio, KVM, memory pressure), and a process its own ones from
// other threads and handlers.
func (g *waitGraph) eventfd(p *Process, fd *FD) whoCould {
	own, ok := eventfdIdentity(p.info[fd.Num].text)
	if !ok {
		return whoCould{outside: true, open: "an eventfd that could not be looked at"}
	}
	e := whoCould{on: []schema.Ref{own}}
	others := false
	for _, n := range g.f.Instances(schema.EventFD) {
		if n.Ref == own {
			e.enders = useEnders(n.Uses, nil, "has it open")
			for _, u := range n.Uses {
				others = others || u.Process != p
			}
		}
	}
	if e.open, e.assumes = g.unseen("fd"); e.open != "" {
		return e
	}
	if !others {
		e.open = "its own process or the kernel"
	} else if e.assumes == "" {
		e.assumes = "the kernel is not to signal the eventfd"
	}
	return e
}

// pidfd: it becomes readable when its process ends.
func (g *waitGraph) pidfd(p *Process, fd *FD) whoCould {
	info, err := kernel.ParsePidFD(p.info[fd.Num].text)
	if err != nil {
		return whoCould{outside: true, open: "a process that its pidfd does not tell"}
	}
	child := g.f.Process(info.PID)
	if child == nil || child.gone() {
		return whoCould{outside: true, open: "a process that has ended or is outside this pid namespace"}
	}
	return whoCould{on: []schema.Ref{child.Ref()}, enders: processEnders([]*Process{child}, "is that process", schema.Observed)}
}

// epoll: any of what the instance watches. How deep they may watch each other the kernel limits to 5 (EP_MAX_NESTS, fs/eventpoll.c).
func (g *waitGraph) epoll(p *Process, num int32, depth int) whoCould {
	const maxNests = 5
	info, ok := p.info[num]
	if !ok || info.err != nil || depth > maxNests {
		return whoCould{outside: true, open: "what its epoll instance watches"}
	}
	var e whoCould
	targets := kernel.ParseEpoll(info.text)
	for _, t := range targets {
		fd := p.openFD(int32(t.FD))
		if fd == nil || t.HasFile && fd.Ino != 0 && fd.Ino != t.Ino {
			e.or(whoCould{outside: true, open: "what its epoll instance watches"}) // added under another number, or closed since
			continue
		}
		e.or(g.descriptor(p, kernel.AwaitedFD{FD: t.FD, For: t.For()}, depth))
	}
	if len(targets) == 0 {
		e = whoCould{outside: true, open: "what somebody adds to its epoll instance"}
	}
	return e
}

func (g *waitGraph) listPosix() map[FileID]schema.Ref {
	all := map[FileID]schema.Ref{}
	for _, o := range g.f.Objects(schema.PMsg) {
		r := o.Row.(*pmsgRow)
		all[FileID{r.Dev, r.Ino}] = o.Ref
	}
	return all
}

// posixQueue: whoever has the queue open at the other side, and whoever opens it by its name.
func (g *waitGraph) posixQueue(p *Process, th *thread) whoCould {
	fd := p.openFD(th.fd)
	if fd == nil {
		return whoCould{open: "whoever has the queue open"}
	}
	pass, how, open := canRead, "has it open to receive", "whoever receives from it"
	if th.call == "mq_receive" {
		pass, how, open = canWrite, "has it open to send", "whoever sends to it"
	}
	e := whoCould{open: open}
	for _, n := range useEnders(g.f.FDUses(FDFile, fd.Dev, fd.Ino), pass, how) {
		if n.Proc != p.Ref() {
			e.enders = append(e.enders, n)
		}
	}
	if ref, ok := g.posix()[FileID{fd.Dev, fd.Ino}]; ok {
		e.on = []schema.Ref{ref}
	}
	return e
}

// lockSeeker is a thread that waits for a lock; TID 0 where /proc/locks names but the process.
type lockSeeker struct {
	process schema.Ref
	tid     int
}

func (g *waitGraph) listLocks() map[lockSeeker]*lockRow {
	all := map[lockSeeker]*lockRow{}
	for _, o := range g.f.Objects(schema.Lock) {
		r := o.Row.(*lockRow)
		for _, w := range r.waits {
			all[lockSeeker{w.end.Ref(), w.end.TID}] = r
		}
	}
	return all
}

// lock: whoever has the lock. A POSIX lock is its process's; the others are given up with the last descriptor on their open file, or by
// any process that has one (flock(2), F_OFD_SETLK in fcntl(2)).
func (g *waitGraph) lock(p *Process, th *thread) (e whoCould, via string) {
	r := g.soughtBy(p, th.TID)
	if r == nil {
		return whoCould{open: "whoever has the lock, who was not found"}, th.via
	}
	return g.holders(r), strings.TrimSpace(th.call + " " + r.path())
}

// soughtBy is the lock that a thread waits for; nil: /proc/locks tells of none.
func (g *waitGraph) soughtBy(p *Process, tid int) *lockRow {
	if r := g.sought()[lockSeeker{p.Ref(), tid}]; r != nil {
		return r
	}
	return g.sought()[lockSeeker{p.Ref(), 0}]
}

// holders are who has a lock.
func (g *waitGraph) holders(r *lockRow) whoCould {
	e := whoCould{on: []schema.Ref{r.ref}}
	switch {
	case r.Class == "POSIX" && r.owner != nil:
		e.enders = []relate.Ender{{Proc: r.owner.Ref(), How: "holds it", Proof: schema.Observed}}
	case len(r.uses) > 0:
		e.enders = useEnders(r.uses, nil, "holds it")
		e.open, e.assumes = g.unseen("fd")
	default:
		e.open = "whoever has the lock, who was not found"
	}
	return e
}
