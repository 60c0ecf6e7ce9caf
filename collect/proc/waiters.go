package proc

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ipctop/ipctop/collect/kernel/fdinfo"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/kernel/task"
	"github.com/ipctop/ipctop/collect/schema"
)

// Wait is a thread that sleeps in a call on an object. The object is a System V object, a POSIX queue, a pipe, a
// FIFO, or a futex in shared memory.
type Wait struct {
	Syscall string // "msgsnd", "msgrcv", "semop", "read", "write", "open", "mq_send", "mq_receive", "futex"
	// Msg, Sem: ID is set; Fifo: Fifo is set; futexWait: Addr is set; "": FD is set, a descriptor of any class
	Kind        schema.Kind
	ID          int    // msqid or semid, in the thread's IPC namespace
	IPCNS       uint64 // inode of that namespace; 0: the namespace of the process
	FD          int32
	Fifo        FD          // the FIFO that the thread opens; it has no descriptor yet
	Addr        uint64      // of the futex
	Lock        LockRequest // fcntl and flock
	Thread      int
	unknownFIFO bool         // the thread opens a FIFO that cannot be found out
	Via         string       // the call in words: "semop [2] -1"
	Ops         []sysv.SemOp // of semop, as far as they were readable
}

// Waiter is a wait with its process.
type Waiter struct {
	*Process
	Wait
}

// futexWait is the kind of a wait for a futex. WaitOnFile is the kind of a WaitKey for a POSIX queue or a mapped file.
const (
	futexWait  schema.Kind = "futex"
	WaitOnFile schema.Kind = "file"
)

// WaitKey names the object of a wait.
type WaitKey struct {
	Kind schema.Kind
	Dev  uint64 // of FIFOs and files; for msg and sem: the IPC namespace, 0 for the reader's own
	ID   uint64 // msqid, semid or inode
}

// WaitKey names the object of a process's wait. ok is false if the object has no WaitKey.
func (t *Tick) WaitKey(p *Process, w *Wait) (key WaitKey, ok bool) {
	switch w.Kind {
	case schema.Msg, schema.Sem:
		return WaitKey{w.Kind, t.IPCSpaceOfWait(p, w), uint64(w.ID)}, true
	case schema.Fifo:
		return WaitKey{schema.Fifo, w.Fifo.Dev, w.Fifo.Ino}, true
	case futexWait:
		for _, m := range p.Shared {
			if m.Start <= w.Addr && w.Addr < m.End {
				if strings.HasPrefix(m.Name, SegmentName) { // a memfd may have the same number
					return WaitKey{schema.Shm, t.IPCSpaceOf(p), m.Ino}, true
				}
				return WaitKey{WaitOnFile, m.Dev, m.Ino}, true
			}
		}
		return WaitKey{}, false
	}
	fd := p.OpenFD(w.Thread, w.FD)
	if fd == nil {
		return WaitKey{}, false
	}
	transfer := w.Syscall == "read" || w.Syscall == "write" // not flock(2), which can lock a FIFO
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

// blocked reads the calls on IPC objects that threads sleep in. A process that has not run since the last tick still
// sleeps in the same calls.
func (w *walker) blocked(p *Process, dir process.Dir, needs schema.Need, buf []byte, old cached, now *cached) {
	wanted := func(nr int) bool { return process.IPCCalls(nr) || process.FutexCall(nr) }
	calls := func() (waits []Wait, opens bool, err error) {
		wait := func(c process.BlockedCall) {
			wait, ok := WaitOf(dir, c)
			opens = opens || wait.unknownFIFO
			if ok {
				waits = append(waits, wait)
			}
		}
		if w.calls(p, func(t task.Thread) {
			if t := t.Task(); t.In == process.InCall && wanted(t.Call.NR) {
				wait(t.Call)
			}
		}) {
			return waits, opens, nil
		}
		waits, opens = nil, false
		list, err := dir.BlockedCalls(buf, wanted)
		for _, c := range list {
			wait(c)
		}
		return waits, opens, err
	}
	switch {
	case !needs.Has(NeedSyscall) || p.KernelThread() || p.Gone():
	case p.State == 'T' || p.State == 't':
		// A stopped process has left its calls, though the syscall file still shows them. Its output buffers may be
		// empty. When it continues, it starts most of the calls again (man 7 signal).
		p.stopped, p.OpensFIFO, p.WaitErr = calls()
	case needs.Has(NeedCalls): // threads has just read the calls
		p.WaitErr, now.waits = p.TaskErr, failure(p.TaskErr) == nil
		for i := range p.Tasks {
			t := &p.Tasks[i]
			p.OpensFIFO = p.OpensFIFO || t.Wait.unknownFIFO
			if t.Listed {
				p.Waits = append(p.Waits, t.Wait)
			}
		}
	case old.known != nil && old.waits:
		p.Waits, p.OpensFIFO, p.WaitErr, now.waits = old.known.Waits, old.known.OpensFIFO, old.known.WaitErr, true
	default:
		p.Waits, p.OpensFIFO, p.WaitErr = calls()
		now.waits = failure(p.WaitErr) == nil
	}
}

// WaitOf finds the object of a blocked call. ok is false if the call waits for no object of ipctop, or for an unknown
// FIFO.
func WaitOf(dir process.Dir, c process.BlockedCall) (wait Wait, ok bool) {
	if call, id, ok := c.SysV(); ok {
		kind := schema.Msg
		if call == "semop" {
			kind = schema.Sem
		}
		w := Wait{Syscall: call, Kind: kind, ID: id, Thread: c.TID}
		if kind == schema.Sem {
			w.Ops, _ = dir.SemOps(c) // on an error Via shows the call's name only
		}
		w.Via = w.words(c)
		if c.TID != dir.PID {
			w.IPCNS, _ = threadSpace(dir, c.TID, "ipc") // on an error the thread has ended
		}
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
		return Wait{Lock: lock, Syscall: call, FD: int32(fd), Thread: c.TID, Via: fmt.Sprintf("%s fd %d", call, fd)},
			true
	}
	if process.FutexCall(c.NR) {
		addr, ok := c.SharedFutex()
		return Wait{Syscall: "futex", Kind: futexWait, Addr: addr, Thread: c.TID, Via: "futex"}, ok
	}
	id, path, access, err := dir.FIFOOpen(c)
	if err != nil {
		return Wait{unknownFIFO: errors.Is(err, process.ErrUnknownFIFO)}, false
	}
	end := "for reading"
	if access == fdinfo.CanWrite {
		end = "for writing"
	}
	return Wait{Syscall: "open", Kind: schema.Fifo,
		Fifo:   FD{Num: -1, Kind: FDFifo, Access: access, Dev: id.Dev, Ino: id.Ino, Path: path},
		Thread: c.TID, Via: "open " + end}, true
}

// words shows the call's operations if they are readable, else its name.
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

// InNamespace reports whether the wait names its object by an id of an IPC namespace.
func (w Wait) InNamespace() bool { return w.Kind == schema.Msg || w.Kind == schema.Sem }

// WaitersOf lists the threads that are blocked on an object, by pid.
func (t *Tick) WaitersOf(key WaitKey) []Waiter {
	return Memo(t, indexWaits)[key]
}

// StoppedOn lists the threads that were stopped in a call on an object, by pid. They start the call again when they
// continue.
func (t *Tick) StoppedOn(key WaitKey) []Waiter {
	return Memo(t, indexStopped)[key]
}

// waitIndex holds the waiters by object. stoppedIndex holds the stopped threads that have left their calls.
type (
	waitIndex    map[WaitKey][]Waiter
	stoppedIndex map[WaitKey][]Waiter
)

func indexWaits(t *Tick) waitIndex {
	return t.waitersByKey(func(p *Process) []Wait { return p.Waits })
}

func indexStopped(t *Tick) stoppedIndex {
	return t.waitersByKey(func(p *Process) []Wait { return p.stopped })
}

// waitersByKey groups the processes' waits by object.
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

// OpenedFIFOs lists the FIFOs that some thread waits to open. There may be no descriptor on such a FIFO.
func (t *Tick) OpenedFIFOs() []FileID {
	var ids []FileID
	for key, waiters := range Memo(t, indexWaits) {
		if key.Kind == schema.Fifo && slices.ContainsFunc(waiters, func(w Waiter) bool { return w.Syscall == "open" }) {
			ids = append(ids, FileID{key.Dev, key.ID})
		}
	}
	return ids
}

// WaitersValue is the value of the waiters column for one object. If complete is true, the list has all waiters, even
// if some processes refused.
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

// WaitEdges adds an edge from each waiter to the object.
func WaitEdges(to schema.Ref, waiters []Waiter, add func(schema.Edge)) {
	for _, w := range waiters {
		add(schema.Edge{From: w.Ref(), To: to, Rel: schema.RelWaitsOn, Via: schema.InWords(w.Via),
			Proof: schema.Observed})
	}
}

// LockRequest is the lock that a thread in fcntl or flock waits for.
type LockRequest struct {
	OFD        bool
	Mode       string // "": unreadable
	Start, End uint64
}

// Locking reports whether the call can wait for a lock. call is a name from process.BlockedCall.File.
func Locking(call string) bool { return call == "flock" || call == "fcntl" }
