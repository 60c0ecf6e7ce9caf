package collect

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/schema"
)

// wait is a thread that sleeps in a call on a System V object, a POSIX queue, a pipe or a FIFO, or on a futex in shared memory.
type wait struct {
	call string      // "msgsnd", "msgrcv", "semop", "read", "write", "open", "mq_send", "mq_receive", "futex"
	kind schema.Kind // Msg, Sem: id counts; Fifo: fifo counts; futexWait: addr counts; "": fd counts, which may be on anything
	id   int         // msqid or semid, in the thread's IPC namespace
	fd   int32
	fifo FD          // the FIFO that it opens; no descriptor leads there yet
	addr uint64      // of the futex
	lock lockRequest // fcntl and flock
	tid  int
	lost bool           // it is the open of a FIFO that cannot be told
	via  string         // the call in words: "semop [2] -1"
	ops  []kernel.SemOp // of semop, as far as they could be read
}

// waiter is a wait with its process.
type waiter struct {
	*Process
	wait
}

// futexWait is the kind of a wait for a futex; waitOnFile that of a waitKey for any file but a FIFO: a POSIX queue, or what is mapped.
const (
	futexWait  schema.Kind = "futex"
	waitOnFile schema.Kind = "file"
)

// waitKey is what a wait is for.
type waitKey struct {
	kind schema.Kind
	dev  uint64 // FIFOs and files; msg and sem: the foreign IPC namespace, 0 for the reader's own
	id   uint64 // msqid, semid or inode
}

// waitKey tells what a process's wait is for; ok is false where that is none of the objects here.
func (f *Facts) waitKey(p *Process, w *wait) (key waitKey, ok bool) {
	switch w.kind {
	case schema.Msg, schema.Sem:
		return waitKey{w.kind, f.ipcSpaceOf(p), uint64(w.id)}, true
	case schema.Fifo:
		return waitKey{schema.Fifo, w.fifo.Dev, w.fifo.Ino}, true
	case futexWait:
		for _, m := range p.shared {
			if m.Start <= w.addr && w.addr < m.End {
				if strings.HasPrefix(m.Name, segmentName) { // its number may be a memfd's as well
					return waitKey{schema.Shm, f.ipcSpaceOf(p), m.Ino}, true
				}
				return waitKey{waitOnFile, m.Dev, m.Ino}, true
			}
		}
		return waitKey{}, false
	}
	for i := range p.fds {
		if fd := &p.fds[i]; fd.Num == w.fd {
			transfer := w.call == "read" || w.call == "write" // flock(2) takes a FIFO as well
			switch {
			case fd.Kind == FDPipe && transfer:
				return waitKey{schema.Pipe, 0, fd.Ino}, true
			case fd.Kind == FDFifo && transfer:
				return waitKey{schema.Fifo, fd.Dev, fd.Ino}, true
			case fd.Kind == FDFile && (w.call == "mq_send" || w.call == "mq_receive"):
				return waitKey{waitOnFile, fd.Dev, fd.Ino}, true
			}
			return waitKey{}, false
		}
	}
	return waitKey{}, false
}

// blocked reads which threads sleep in calls on IPC objects. A process that has not run since still sleeps where it did.
func (w *walker) blocked(p *Process, dir kernel.ProcDir, needs schema.Need, buf []byte, old cached, now *cached) {
	calls := func() (waits []wait, opens bool, err error) {
		list, err := dir.BlockedCalls(buf, func(nr int) bool { return kernel.IPCCalls(nr) || kernel.FutexCall(nr) })
		for _, c := range list {
			wait, ok := waitOf(dir, c)
			opens = opens || wait.lost
			if ok {
				waits = append(waits, wait)
			}
		}
		return waits, opens, err
	}
	switch {
	case !needs.Has(schema.NeedSyscall) || p.KernelThread() || p.gone():
	case p.State == 'T' || p.State == 't':
		// A stopped process has left its calls, though their numbers stay in the file (man 7 signal): what it wrote into may be empty. When it
		// goes on, it begins most of them again.
		p.left, p.opensFIFO, p.waitErr = calls()
	case needs.Has(schema.NeedCalls): // what the threads do was read just before
		p.waitErr, now.waits = p.threadErr, true
		for i := range p.threads {
			t := &p.threads[i]
			p.opensFIFO = p.opensFIFO || t.wait.lost
			if t.listed {
				p.waits = append(p.waits, t.wait)
			}
		}
	case old.known != nil && old.waits:
		p.waits, p.opensFIFO, p.waitErr, now.waits = old.known.waits, old.known.opensFIFO, old.known.waitErr, true
	default:
		p.waits, p.opensFIFO, p.waitErr = calls()
		now.waits = true
	}
}

func waitOf(dir kernel.ProcDir, c kernel.BlockedCall) (wait, bool) {
	if call, id, ok := c.SysV(); ok {
		kind := schema.Msg
		if call == "semop" {
			kind = schema.Sem
		}
		w := wait{call: call, kind: kind, id: id, tid: c.TID}
		if kind == schema.Sem {
			w.ops, _ = dir.SemOps(c) // else the call's name has to do
		}
		w.via = w.words(c)
		return w, true
	}
	if call, fd, ok := c.File(); ok {
		var lock lockRequest
		switch call {
		case "fcntl":
			lock.ofd = c.OFDLock()
			lock.mode, lock.start, lock.end, _ = dir.LockRequest(c)
		case "flock":
			lock.mode, lock.end = c.FlockMode(), kernel.EOF
		}
		return wait{lock: lock, call: call, fd: int32(fd), tid: c.TID, via: fmt.Sprintf("%s fd %d", call, fd)}, true
	}
	if kernel.FutexCall(c.NR) {
		addr, ok := c.SharedFutex()
		return wait{call: "futex", kind: futexWait, addr: addr, tid: c.TID, via: "futex"}, ok
	}
	id, path, access, err := dir.FIFOOpen(c)
	if err != nil {
		return wait{lost: errors.Is(err, kernel.ErrUntold)}, false
	}
	end := "for reading"
	if access == kernel.CanWrite {
		end = "for writing"
	}
	return wait{call: "open", kind: schema.Fifo, fifo: FD{Num: -1, Kind: FDFifo, Access: access, Dev: id.Dev, Ino: id.Ino, Path: path},
		tid: c.TID, via: "open " + end}, true
}

// words tells a call's operations where they may be read, else its name.
func (w *wait) words(c kernel.BlockedCall) string {
	switch w.call {
	case "msgsnd":
		return fmt.Sprintf("msgsnd %d bytes", c.MsgSize())
	case "msgrcv":
		return fmt.Sprintf("msgrcv type %d", c.MsgType())
	}
	const most = 8
	var b strings.Builder
	b.WriteString(w.call)
	for i, op := range w.ops {
		if i == most {
			b.WriteString(" …")
			break
		}
		fmt.Fprintf(&b, " [%d] %+d", op.Num, op.Op)
	}
	return b.String()
}

// inNamespace says whether the wait names its object by an id of an IPC namespace.
func (w wait) inNamespace() bool { return w.kind == schema.Msg || w.kind == schema.Sem }

// waitersOf lists who is blocked on an object, by pid.
func (f *Facts) waitersOf(key waitKey) []waiter {
	return Memo(f, indexWaits)[key]
}

// leftOf lists who was stopped in a call on an object, by pid, and begins it again when it goes on.
func (f *Facts) leftOf(key waitKey) []waiter {
	return Memo(f, indexLeft)[key]
}

// waitIndex are the waiters by what they are on, leftIndex those that left their calls when they were stopped.
type (
	waitIndex map[waitKey][]waiter
	leftIndex map[waitKey][]waiter
)

func indexWaits(f *Facts) waitIndex {
	return f.waitersByKey(func(p *Process) []wait { return p.waits })
}

func indexLeft(f *Facts) leftIndex { return f.waitersByKey(func(p *Process) []wait { return p.left }) }

// waitersByKey joins the processes' waits by what they are on.
func (f *Facts) waitersByKey(of func(*Process) []wait) map[waitKey][]waiter {
	all := map[waitKey][]waiter{}
	for _, p := range f.procs {
		for _, w := range of(p) {
			if key, ok := f.waitKey(p, &w); ok {
				all[key] = append(all[key], waiter{p, w})
			}
		}
	}
	return all
}

// openedFIFOs lists the FIFOs that some thread waits to open: nobody may hold a descriptor on them.
func (f *Facts) openedFIFOs() []FileID {
	var ids []FileID
	for key, waiters := range Memo(f, indexWaits) {
		if key.kind == schema.Fifo && slices.ContainsFunc(waiters, func(w waiter) bool { return w.call == "open" }) {
			ids = append(ids, FileID{key.dev, key.id})
		}
	}
	return ids
}

// waitersValue is the waiters column of one object. complete says that no other process can be waiting, whatever was refused.
func (f *Facts) waitersValue(ref schema.Ref, waiters []waiter, complete bool) schema.Value {
	if !f.gathered(ref, schema.NeedSyscall) {
		return schema.Uncollected(schema.TypeEndpoints)
	}
	ends := make([]schema.Endpoint, 0, len(waiters))
	for _, w := range waiters {
		fd := -1
		if w.kind == "" {
			fd = int(w.fd)
		}
		e := f.Endpoint(w.Process, fd, w.call)
		e.TID = w.tid
		ends = append(ends, e)
	}
	return schema.Endpoints(ends, !complete && f.Unseen("syscall") > 0)
}

func waitEdges(to schema.Ref, waiters []waiter) []schema.Edge {
	var edges []schema.Edge
	for _, w := range waiters {
		edges = append(edges, schema.Edge{From: w.Ref(), To: to, Rel: schema.RelWaitsOn, Via: w.via, Proof: schema.Observed})
	}
	return edges
}

// lockRequest is what a thread that sleeps in fcntl or flock waits for.
type lockRequest struct {
	ofd        bool
	mode       string // "": could not be read
	start, end uint64
}

// locking says whether the call is one that waits for a lock, where kernel.BlockedCall.File names it.
func locking(call string) bool { return call == "flock" || call == "fcntl" }
