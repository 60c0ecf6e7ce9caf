package waits

import (
	"fmt"

	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
)

// The owner of a lock in shared memory. The word of the lock holds the owner's thread number in the pid namespace of
// the owner (gettid(2)). Nothing in the word names that namespace. So another namespace may have a thread with the same
// number: the first process of each container has the number 1.

// ownership is a lock in shared memory, with the thread number that its word holds.
type ownership struct {
	memory proc.WaitKey
	kind   process.FutexKind
	number int
}

// owners are the threads that may own a lock in shared memory.
type owners struct {
	enders        []relate.Ender
	open, assumes string // see relate.Wait
}

// setOwner sets the enders to the one thread whose number the lock holds. A thread with this number may not map the
// memory. Then its number may come from a thread that is gone, or the thread may map the memory again.
func (g *graph) setOwner(e *wakers, p *proc.Process, th *proc.Thread, key proc.WaitKey, m *mapping) {
	owner := th.Futex.Owner
	at := ownership{key, th.Futex.Kind, owner}
	found, ok := g.owners[at]
	if !ok {
		found = g.findOwners(at, m)
		g.owners[at] = found
	}
	e.enders, e.open, e.assumes = found.enders, found.open, found.assumes
	if len(e.enders) > 0 || e.open != "" {
		return
	}
	if e.open, e.assumes = g.unseenHolders("maps"); e.open != "" {
		return
	}
	if e.enders = g.withNumber(p, owner, "has the owner's number, but does not map the memory"); len(e.enders) == 0 {
		e.left = fmt.Sprintf("its owner, thread %d, is gone", owner)
		e.assumes = fmt.Sprintf("thread %d left it locked", owner)
		if found.assumes != "" {
			e.assumes += ", and " + found.assumes
		}
		return
	}
	e.left = fmt.Sprintf("its owner, thread %d, is gone, or maps it no longer", owner)
}

// findOwners finds the threads with the number of an owner among the processes that map the memory. The result is
// observed only if all these processes are in one pid namespace, and no process outside can map the memory.
func (g *graph) findOwners(at ownership, m *mapping) (found owners) {
	spaces := map[string]bool{}
	for _, q := range m.mappers {
		spaces[g.pidSpace(q)] = true
		if tid, ok := g.threadByNumber(q, at.number); ok {
			found.enders = append(found.enders, relate.Ender{Proc: q.Ref(), TID: tid,
				How: "owns the " + lockWords(at.kind), Proof: schema.Observed})
		}
	}
	outside := g.tick.Nested && !g.madeHere(at.memory)
	switch {
	case outside && m.named:
		found.open = fmt.Sprintf("its owner, thread %d of a pid namespace that may be outside", at.number)
	case outside:
		found.assumes = "no process outside this pid namespace maps it"
	}
	if len(spaces) > 1 && found.open == "" {
		if found.assumes == "" && len(found.enders) == 1 {
			found.assumes = fmt.Sprintf("thread %d of another pid namespace, which has ended, does not own it",
				at.number)
		}
		outside = true
	}
	if outside {
		for i := range found.enders {
			found.enders[i].How = fmt.Sprintf("has the number of its owner, %d", at.number)
			found.enders[i].Proof = schema.Inferred
		}
	}
	return found
}

// madeHere reports true if only processes of this pid namespace can have reached some memory by its name. A tmpfs must
// be mounted as a whole, and be younger than the first process. An IPC namespace must have been made together with this
// pid namespace: the kernel numbers the two in one go (create_new_namespaces, kernel/nsproxy.c).
func (g *graph) madeHere(key proc.WaitKey) bool {
	if key.Kind == schema.Shm {
		ipc, err := g.tick.Host.NamespaceID("ipc")
		pid, errPID := g.tick.Host.NamespaceID("pid")
		return key.Dev == 0 && err == nil && errPID == nil && pid == ipc+1
	}
	return g.tick.OwnTmpfs()[key.Dev]
}
