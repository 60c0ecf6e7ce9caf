package collect

import (
	"fmt"
	"strings"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/schema"
)

// wait is a thread that sleeps in a System V call.
type wait struct {
	call string // "msgsnd", "msgrcv", "semop"
	id   int    // msqid or semid, in the thread's IPC namespace
	tid  int
	via  string // the call in words: "semop [2] -1"
}

// waiter is a wait with its process.
type waiter struct {
	*Process
	wait
}

// waitKey is what a wait is for.
type waitKey struct {
	kind schema.Kind
	id   int
}

func (w *wait) key() waitKey {
	if w.call == "semop" {
		return waitKey{schema.Sem, w.id}
	}
	return waitKey{schema.Msg, w.id}
}

// blocked reads which threads sleep in System V calls. A process that has not run since still sleeps where it did.
func (w *walker) blocked(p *Process, dir kernel.ProcDir, needs schema.Need, buf []byte, old cached, now *cached) {
	switch {
	case !needs.Has(schema.NeedSyscall) || p.KernelThread() || p.State == 'Z':
	case old.proc != nil && old.waits:
		p.waits, p.waitErr, now.waits = old.proc.waits, old.proc.waitErr, true
	default:
		calls, err := dir.BlockedCalls(buf, kernel.SysVCalls)
		p.waitErr, now.waits = err, true
		for _, c := range calls {
			call, id, ok := c.SysV()
			if ok {
				p.waits = append(p.waits, wait{call: call, id: id, tid: c.TID, via: waitWords(dir, call, c)})
			}
		}
	}
}

// waitWords tells a call's operations where they may be read, else its name.
func waitWords(dir kernel.ProcDir, call string, c kernel.BlockedCall) string {
	switch call {
	case "msgsnd":
		return fmt.Sprintf("msgsnd %d bytes", c.MsgSize())
	case "msgrcv":
		return fmt.Sprintf("msgrcv type %d", c.MsgType())
	}
	ops, err := dir.SemOps(c)
	if err != nil {
		return call
	}
	const most = 8
	var b strings.Builder
	b.WriteString(call)
	for i, op := range ops {
		if i == most {
			b.WriteString(" …")
			break
		}
		fmt.Fprintf(&b, " [%d] %+d", op.Num, op.Op)
	}
	return b.String()
}

// ipcNamespace reads the namespace of processes whose mappings or waits bear ids, which mean something only within it.
func (w *walker) ipcNamespace(p *Process, dir kernel.ProcDir) {
	if len(p.waits) == 0 && !mapsSegment(p) {
		return
	}
	if link, err := dir.Readlink("ns/ipc"); err == nil {
		p.ipcNS, _ = kernel.LinkInode([]byte(link))
	}
}

// foreignIPC says whether the process's ids are those of another IPC namespace than the reader's.
func (f *Facts) foreignIPC(p *Process) bool {
	return p.ipcNS != 0 && f.ipcSelf != 0 && p.ipcNS != f.ipcSelf
}

// waitersOf lists who is blocked on a queue or a set, by pid.
func (f *Facts) waitersOf(kind schema.Kind, id int) []waiter {
	if f.waits == nil {
		f.waits = map[waitKey][]waiter{}
		for _, p := range f.procs {
			if f.foreignIPC(p) {
				continue
			}
			for _, w := range p.waits {
				f.waits[w.key()] = append(f.waits[w.key()], waiter{p, w})
			}
		}
	}
	return f.waits[waitKey{kind, id}]
}

// waitersValue is the waiters column of one object. complete says that no other process can be waiting, whatever was refused.
func (f *Facts) waitersValue(ref schema.Ref, waiters []waiter, complete bool) schema.Value {
	if !f.gathered(ref, schema.NeedSyscall) {
		return schema.Uncollected(schema.TypeEndpoints)
	}
	ends := make([]schema.Endpoint, 0, len(waiters))
	for _, w := range waiters {
		e := f.Endpoint(w.Process, -1, w.call)
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
