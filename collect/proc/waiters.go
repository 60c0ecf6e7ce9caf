package proc

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ipctop/ipctop/collect/kernel/fdinfo"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/schema"
)

// Wait is a thread that sleeps in a call on a System V object, a POSIX queue, a pipe or a FIFO, or on a futex in
// shared memory.
type Wait struct {
	Syscall string // "msgsnd", "msgrcv", "semop", "read", "write", "open", "mq_send", "mq_receive", "futex"
	// Msg, Sem: id counts; Fifo: fifo counts; futexWait: addr counts; "": fd counts, which may be on anything
	Kind   schema.Kind
	ID     int // msqid or semid, in the thread's IPC namespace
	FD     int32
	Fifo   FD          // the FIFO that it opens; no descriptor leads there yet
	Addr   uint64      // of the futex
	Lock   LockRequest // fcntl and flock
	Thread int
	lost   bool         // it is the open of a FIFO that cannot be told
	Via    string       // the call in words: "semop [2] -1"
	Ops    []sysv.SemOp // of semop, as far as they could be read
}

// Waiter is a wait with its process.
type Waiter struct {
	*Process
	Wait
}

// futexWait is the kind of a wait for a futex; WaitOnFile that of a WaitKey for any file but a FIFO: a POSIX queue,
// or what is mapped.
const (
	futexWait  schema.Kind = "futex"
	WaitOnFile schema.Kind = "file"
)

// WaitKey is what a wait is for.
type WaitKey struct {
	Kind schema.Kind
	Dev  uint64 // FIFOs and files; msg and sem: the foreign IPC namespace, 0 for the reader's own
	ID   uint64 // msqid, semid or inode
}

// WaitKey tells what a process's wait is for; ok is false where that is none of the objects here.
func (t *Tick) WaitKey(p *Process, w *Wait) (key WaitKey, ok bool) {
	switch w.Kind {
	case schema.Msg, schema.Sem:
		return WaitKey{w.Kind, t.IPCSpaceOf(p), uint64(w.ID)}, true
	case schema.Fifo:
		return WaitKey{schema.Fifo, w.Fifo.Dev, w.Fifo.Ino}, true
	case futexWait:
		for _, m := range p.Shared {
			if m.Start <= w.Addr && w.Addr < m.End {
				if strings.HasPrefix(m.Name, SegmentName) { // its number may be a memfd's as well
					return WaitKey{schema.Shm, t.IPCSpaceOf(p), m.Ino}, true
				}
				return WaitKey{WaitOnFile, m.Dev, m.Ino}, true
			}
		}
		return WaitKey{}, false
	}
	for i := range p.FDs {
		if fd := &p.FDs[i]; fd.Num == w.FD {
			transfer := w.Syscall == "read" || w.Syscall == "write" // flock(2) takes a FIFO as well
			switch {
			case fd.Kind == FDPipe && transfer:
				return WaitKey{schema.Pipe, 0, fd.Ino}, true
			case fd.Kind == FDFifo && transfer:
				return WaitKey{schema.Fifo, fd.Dev, fd.Ino}, true
			case fd.Kind == FDFile && (w.Syscall == "mq_send" || w.Syscall == "mq_receive"):
				return WaitKey{WaitOnFile, fd.Dev, fd.Ino}, true
			}
			return WaitKey{}, false
		}
	}
	return WaitKey{}, false
}

// blocked reads which threads sleep in calls on IPC objects. A process that has not run since still sleeps where it
// did.
func (w *walker) blocked(p *Process, dir process.Dir, needs schema.Need, buf []byte, old cached, now *cached) {
	calls := func() (waits []Wait, opens bool, err error) {
		list, err := dir.BlockedCalls(buf, func(nr int) bool { return process.IPCCalls(nr) || process.FutexCall(nr) })
		for _, c := range list {
			wait, ok := WaitOf(dir, c)
			opens = opens || wait.lost
			if ok {
				waits = append(waits, wait)
			}
		}
		return waits, opens, err
	}
	switch {
	case !needs.Has(NeedSyscall) || p.KernelThread() || p.Gone():
	case p.State == 'T' || p.State == 't':
		// A stopped process has left its calls, though their numbers stay in the file (man 7 signal): what it wrote into
		// may be empty. When it goes on, it begins most of them again.
		p.left, p.OpensFIFO, p.WaitErr = calls()
	case needs.Has(NeedCalls): // what the threads do was read just before
		p.WaitErr, now.waits = p.TaskErr, true
		for i := range p.Tasks {
			t := &p.Tasks[i]
			p.OpensFIFO = p.OpensFIFO || t.Wait.lost
			if t.Listed {
				p.Waits = append(p.Waits, t.Wait)
			}
		}
	case old.known != nil && old.waits:
		p.Waits, p.OpensFIFO, p.WaitErr, now.waits = old.known.Waits, old.known.OpensFIFO, old.known.WaitErr, true
	default:
		p.Waits, p.OpensFIFO, p.WaitErr = calls()
		now.waits = true
	}
}

func WaitOf(dir process.Dir, c process.BlockedCall) (Wait, bool) {
	if call, id, ok := c.SysV(); ok {
		kind := schema.Msg
		if call == "semop" {
			kind = schema.Sem
		}
		w := Wait{Syscall: call, Kind: kind, ID: id, Thread: c.TID}
		if kind == schema.Sem {
			w.Ops, _ = dir.SemOps(c) // else the call's name has to do
		}
		w.Via = w.words(c)
		return w, true
	}
	if call, fd, ok := c.File(); ok {
		var lock LockRequest
		switch call {
		case "fcntl":
			lock.OFD = c.OFDLock()
			lock.Mode, lock.Start, lock.End, _ = dir.LockRequest(c)
		case "flock":
			lock.Mode, lock.End = c.FlockMode(), fdinfo.EOF
		}
		return Wait{Lock: lock, Syscall: call, FD: int32(fd), Thread: c.TID, Via: fmt.Sprintf("%s fd %d", call, fd)}, true
	}
	if process.FutexCall(c.NR) {
		addr, ok := c.SharedFutex()
		return Wait{Syscall: "futex", Kind: futexWait, Addr: addr, Thread: c.TID, Via: "futex"}, ok
	}
	id, path, access, err := dir.FIFOOpen(c)
	if err != nil {
		return Wait{lost: errors.Is(err, process.ErrUnknownFIFO)}, false
	}
	end := "for reading"
	if access == fdinfo.CanWrite {
		end = "for writing"
	}
	return Wait{Syscall: "open", Kind: schema.Fifo,
		Fifo:   FD{Num: -1, Kind: FDFifo, Access: access, Dev: id.Dev, Ino: id.Ino, Path: path},
		Thread: c.TID, Via: "open " + end}, true
}

// Words tells a call's operations where they may be read, else its name.
func (w *Wait) words(c process.BlockedCall) string {
	switch w.Syscall {
	case "msgsnd":
		return fmt.Sprintf("msgsnd %d bytes", c.MsgSize())
	case "msgrcv":
		return fmt.Sprintf("msgrcv type %d", c.MsgType())
	}
	const most = 8
	var b strings.Builder
	b.WriteString(w.Syscall)
	for i, op := range w.Ops {
		if i == most {
			b.WriteString(" …")
			break
		}
		fmt.Fprintf(&b, " [%d] %+d", op.Num, op.Op)
	}
	return b.String()
}

// InNamespace says whether the wait names its object by an id of an IPC namespace.
func (w Wait) InNamespace() bool { return w.Kind == schema.Msg || w.Kind == schema.Sem }

// WaitersOf lists who is blocked on an object, by pid.
func (t *Tick) WaitersOf(key WaitKey) []Waiter {
	return Memo(t, indexWaits)[key]
}

// LeftOf lists who was stopped in a call on an object, by pid, and begins it again when it goes on.
func (t *Tick) LeftOf(key WaitKey) []Waiter {
	return Memo(t, indexLeft)[key]
}

// waitIndex are the waiters by what they are on, leftIndex those that left their calls when they were stopped.
type (
	waitIndex map[WaitKey][]Waiter
	leftIndex map[WaitKey][]Waiter
)

func indexWaits(t *Tick) waitIndex {
	return t.waitersByKey(func(p *Process) []Wait { return p.Waits })
}

func indexLeft(t *Tick) leftIndex { return t.waitersByKey(func(p *Process) []Wait { return p.left }) }

// waitersByKey joins the processes' waits by what they are on.
func (t *Tick) waitersByKey(of func(*Process) []Wait) map[WaitKey][]Waiter {
	all := map[WaitKey][]Waiter{}
	for _, p := range t.procs {
		for _, w := range of(p) {
			if key, ok := t.WaitKey(p, &w); ok {
				all[key] = append(all[key], Waiter{p, w})
			}
		}
	}
	return all
}

// OpenedFIFOs lists the FIFOs that some thread waits to open: nobody may hold a descriptor on them.
func (t *Tick) OpenedFIFOs() []FileID {
	var ids []FileID
	for key, waiters := range Memo(t, indexWaits) {
		if key.Kind == schema.Fifo && slices.ContainsFunc(waiters, func(w Waiter) bool { return w.Syscall == "open" }) {
			ids = append(ids, FileID{key.Dev, key.ID})
		}
	}
	return ids
}

// WaitersValue is the waiters column of one object. complete says that no other process can be waiting, whatever was
// refused.
func (t *Tick) WaitersValue(ref schema.Ref, waiters []Waiter, complete bool) schema.Value {
	if !t.Gathered(ref, NeedSyscall) {
		return schema.Uncollected(schema.TypeEndpoints)
	}
	ends := make([]schema.Endpoint, 0, len(waiters))
	for _, w := range waiters {
		fd := -1
		if w.Kind == "" {
			fd = int(w.FD)
		}
		e := t.Endpoint(w.Process, fd, w.Syscall)
		e.TID = w.Thread
		ends = append(ends, e)
	}
	return schema.Endpoints(ends, !complete && t.Unseen("syscall") > 0)
}

func WaitEdges(to schema.Ref, waiters []Waiter) []schema.Edge {
	var edges []schema.Edge
	for _, w := range waiters {
		edges = append(edges, schema.Edge{From: w.Ref(), To: to, Rel: schema.RelWaitsOn, Via: w.Via, Proof: schema.Observed})
	}
	return edges
}

// LockRequest is what a thread that sleeps in fcntl or flock waits for.
type LockRequest struct {
	OFD        bool
	Mode       string // "": could not be read
	Start, End uint64
}

// Locking says whether the call is one that waits for a lock, where process.BlockedCall.File names it.
func Locking(call string) bool { return call == "flock" || call == "fcntl" }
