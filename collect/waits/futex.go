package waits

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
)

// Waits for futexes: mutexes, whose word names their owner, and locks without an owner: semaphores, conditions,
// barriers.

// memoryObject is shared memory that may contain a futex.
type memoryObject struct {
	ref   schema.Ref
	named bool // anybody may map it by its name
}

// listMemory lists the objects of the kinds that are files, by device and inode.
func (g *graph) listMemory() map[proc.FileID]memoryObject {
	all := map[proc.FileID]memoryObject{}
	for _, o := range g.tick.Objects(schema.PSem) {
		r := o.Row.(*kinds.PSemRow)
		all[proc.FileID{Dev: r.Dev, Ino: r.Ino}] = memoryObject{o.Ref, o.Ref.Name != ""}
	}
	for _, o := range g.tick.Objects(schema.PShm) {
		r := o.Row.(*kinds.PShmRow)
		all[proc.FileID{Dev: r.Dev, Ino: r.Ino}] = memoryObject{o.Ref, o.Ref.Name != ""}
	}
	for _, o := range g.tick.Objects(schema.Memfd) {
		r := o.Row.(*kinds.MemfdRow)
		all[proc.FileID{Dev: r.Dev, Ino: r.Ino}] = memoryObject{o.Ref, false}
	}
	for _, o := range g.tick.Objects(schema.Mmap) {
		all[o.Row.(*kinds.MmapRow).Users.ID] = memoryObject{o.Ref, true}
	}
	return all
}

func (g *graph) listSegments() map[proc.WaitKey]memoryObject {
	all := map[proc.WaitKey]memoryObject{}
	for _, o := range g.tick.Objects(schema.Shm) {
		all[kinds.SysvWait(o.Ref)] = memoryObject{o.Ref, !o.Row.(*kinds.ShmRow).Dest()}
	}
	return all
}

// lockWords names the sort of a futex in words.
func lockWords(k process.FutexKind) string {
	switch k {
	case process.FutexMutex:
		return "mutex"
	case process.FutexRobust:
		return "robust mutex"
	case process.FutexPIMutex:
		return "priority-inheriting mutex"
	case process.FutexRWLock:
		return "rwlock"
	}
	return "futex"
}

// futexWait finds the enders of a wait on a futex: the owner of a mutex, or anybody who may wake the word.
func (g *graph) futexWait(p *proc.Process, th *proc.Thread) (e wakers, via string, ok bool) {
	what := lockWords(th.Futex.Kind)
	owned := th.Futex.Owner > 0
	if _, shared := th.Call.SharedFutex(); !shared {
		return g.ownFutex(p, th), "a " + what + " of its own", true
	}
	key, found := g.tick.WaitKey(p, &th.Wait)
	if !found {
		if p.MapsErr != nil {
			return wakers{open: "whoever maps the memory"}, what + " in shared memory", true
		}
		// Robust mutexes and waits for the end of a thread carry no mark for private memory. So the kernel finds out
		// itself that the memory is private.
		if tid, ok := g.joinedThread(p, th); ok {
			e.enders = []relate.Ender{{Proc: p.Ref(), TID: tid, How: "is that thread", Proof: schema.Observed}}
			return e, "the end of a thread", true
		}
		return g.ownFutex(p, th), "a " + what + " of its own", true
	}
	m := g.mappedAt(key)
	e.on = []schema.Ref{m.ref}
	via = fmt.Sprintf("%s at +0x%x", what, g.offset(p, th.Addr))
	if owned {
		g.setOwner(&e, p, th, key, m)
		return e, via, true
	}
	e.enders = m.enders
	if m.ref.Kind == schema.PSem {
		return g.namedSemaphore(p, th, m), semaphoreCall, true
	}
	if m.named {
		if th.Futex.Kind == process.FutexRWLock {
			return g.namedRWLock(p, key, m), via, true
		}
		e.open = "whoever maps it"
		return e, via, true
	}
	e.open, e.assumes = g.unseenHolders("maps")
	if len(e.enders) == 0 && e.open == "" {
		e.open = "whoever maps it, who was not found"
	}
	g.openIfHandled(p, &e)
	return e, via, true
}

// mapping is shared memory and the processes that map it. Each of them may wake a thread that waits for a futex there.
type mapping struct {
	memoryObject
	mappers []*proc.Process
	enders  []relate.Ender
	weak    []relate.Ender // enders, as weak ones: see namedRWLock
	allWait bool           // each process with the memory waits for a futex in it
}

func (g *graph) mappedAt(key proc.WaitKey) *mapping {
	m, ok := g.mappings[key]
	if ok {
		return m
	}
	m = new(mapping)
	g.mappings[key] = m
	m.memoryObject, m.mappers = g.findMappers(key)
	m.enders = processEnders(m.mappers, "maps it", schema.Inferred)
	m.allWait = g.allWaitIn(key, m.mappers)
	if m.ref.Kind == schema.PSem {
		g.addOpeners(key, m)
	}
	if m.named {
		return m
	}
	if key.Kind == schema.Shm {
		m.enders = append(m.enders, g.otherNamespaceMappers(key)...)
		return m
	}
	// A process that has the file open can map it at any time.
	for _, n := range useEnders(g.tick.FDUses(proc.FDFile, key.Dev, key.ID), nil, "has it open") {
		n.Proof = schema.Inferred
		if !slices.ContainsFunc(m.mappers, func(q *proc.Process) bool { return q.Ref() == n.Proc }) {
			m.enders = append(m.enders, n)
		}
	}
	return m
}

// otherNamespaceMappers are processes of other IPC namespaces that map a segment with the same number. It is most
// likely another segment. But a process keeps its attached segments when it moves to another namespace (unshare(2)). No
// file tells the two cases apart.
func (g *graph) otherNamespaceMappers(key proc.WaitKey) (enders []relate.Ender) {
	for _, q := range g.tick.Processes() {
		maps := slices.ContainsFunc(q.Shared,
			func(m process.Mapping) bool { return strings.HasPrefix(m.Name, proc.SegmentName) && m.Ino == key.ID })
		if maps && g.tick.IPCSpaceOf(q) != key.Dev {
			enders = append(enders, relate.Ender{Proc: q.Ref(), How: "may map it from another IPC namespace",
				Proof: schema.Inferred, Weak: true})
		}
	}
	return enders
}

// findMappers finds the object that contains a shared futex, and the processes that map it.
func (g *graph) findMappers(key proc.WaitKey) (o memoryObject, mappers []*proc.Process) {
	if key.Kind == schema.Shm {
		if o = g.segments()[key]; o.ref.IsZero() {
			o = memoryObject{schema.Ref{Kind: schema.Shm, Space: key.Dev, ID: key.ID}, true}
		}
	} else if o = g.memory()[proc.FileID{Dev: key.Dev, Ino: key.ID}]; o.ref.IsZero() {
		o = memoryObject{schema.Ref{Kind: schema.Mmap, Space: key.Dev, ID: key.ID}, true}
	}
	for _, q := range g.tick.Processes() {
		maps := slices.ContainsFunc(q.Shared, func(m process.Mapping) bool {
			if key.Kind == schema.Shm {
				return strings.HasPrefix(m.Name, proc.SegmentName) && m.Ino == key.ID && g.tick.IPCSpaceOf(q) == key.Dev
			}
			return m.Dev == key.Dev && m.Ino == key.ID && !strings.HasPrefix(m.Name, proc.SegmentName)
		})
		if maps {
			mappers = append(mappers, q)
		}
	}
	return o, mappers
}

// offset is the distance in bytes from the start of the mapping to the word.
func (g *graph) offset(p *proc.Process, addr uint64) uint64 {
	for _, m := range p.Shared {
		if m.Start <= addr && addr < m.End {
			return addr - m.Start
		}
	}
	return addr
}

// threadNumber is the number of a thread in a pid namespace.
type threadNumber struct {
	space  string
	number int
}

// withNumber finds the thread that has this number in the pid namespace of p.
func (g *graph) withNumber(p *proc.Process, number int, how string) []relate.Ender {
	own := g.pidSpace(p)
	key := threadNumber{own, number}
	found, ok := g.numbers[key]
	if !ok {
		found = g.findNumber(own, number, how)
		g.numbers[key] = found
	}
	return found
}

func (g *graph) findNumber(own string, number int, how string) []relate.Ender {
	for _, q := range g.tick.Processes() {
		if q.KernelThread() || q.Gone() {
			continue
		}
		if tid, ok := g.threadByNumber(q, number); ok && g.pidSpace(q) == own {
			return []relate.Ender{{Proc: q.Ref(), TID: tid, How: how, Proof: schema.Inferred}}
		}
	}
	return nil
}

// pidSpace names the pid namespace of a process; "": it could not be read.
func (g *graph) pidSpace(p *proc.Process) string {
	dir, err := g.tick.Host.OpenProc(p.Living())
	if err != nil {
		return ""
	}
	defer dir.Close()
	name, _ := dir.Readlink("ns/pid")
	return name
}

// threadByNumber finds the living thread of process q that has this number in the pid namespace of q. A first thread
// that has ended keeps its number while others live. It unlocks nothing any more.
func (g *graph) threadByNumber(q *proc.Process, owner int) (tid int, ok bool) {
	dir, err := g.tick.Host.OpenProc(q.Living())
	if err != nil {
		return 0, false
	}
	defer dir.Close()
	tid, err = dir.Thread(owner)
	th := g.tick.ThreadOf(q, tid)
	return tid, err == nil && (th == nil || th.In != process.Ended)
}

// ownFutex finds the enders of a wait on a futex of the process alone. The owner of a mutex ends the wait. A condition
// or a semaphore does not tell who will wake whom. So any other thread of the process may do it. Without a free thread
// and a signal handler nobody is left.
func (g *graph) ownFutex(p *proc.Process, th *proc.Thread) (e wakers) {
	left := th.Futex.LeftBy
	if th.Futex.Owner > 0 {
		if tid, ok := g.threadByNumber(p, th.Futex.Owner); ok {
			e.enders = []relate.Ender{{Proc: p.Ref(), TID: tid, How: "owns the " + lockWords(th.Futex.Kind),
				Proof: schema.Observed}}
			return e
		}
		left = th.Futex.Owner
	}
	at := relate.Thread{Proc: p.Ref(), TID: th.TID}
	g.own[at], g.ownFutexes[at] = true, true
	if left == 0 {
		e.enders = g.busyThreads(p, th)
		return e
	}
	g.left[at] = true
	e.enders = []relate.Ender{anyThread(p)}
	e.assumes = fmt.Sprintf("thread %d, which locked it, has ended or stayed behind in a fork", left)
	return e
}

// anyThread is the process of a waiter as an ender: one of its other threads may wake the futex.
func anyThread(p *proc.Process) relate.Ender {
	return relate.Ender{Proc: p.Ref(), How: "may wake it", Proof: schema.Inferred, Weak: true}
}

// busyThreads are the threads that could wake thread th from a futex of their process. The threads that sleep in such a
// wait themselves are not listed one by one.
func (g *graph) busyThreads(p *proc.Process, th *proc.Thread) []relate.Ender {
	enders, ok := g.busy[p]
	if !ok {
		for i := range p.Tasks {
			if o := &p.Tasks[i]; !isIdle(o) && o.In != process.Ended {
				enders = append(enders,
					relate.Ender{Proc: p.Ref(), TID: o.TID, How: "is a thread of the same process",
						Proof: schema.Inferred})
			}
		}
		enders = append(enders, anyThread(p))
		g.busy[p] = enders
	}
	if !isIdle(th) { // a futex without the mark for private memory
		enders = slices.DeleteFunc(slices.Clone(enders), func(n relate.Ender) bool { return n.TID == th.TID })
	}
	return enders
}

// joinedThread finds the thread whose end th waits for, as in pthread_join(3). Such a wait is on a word that holds the
// thread's number. The kernel clears the word when that thread ends (CLONE_CHILD_CLEARTID of clone(2)).
func (g *graph) joinedThread(p *proc.Process, th *proc.Thread) (tid int, ok bool) {
	number := th.Futex.Word
	if th.Futex.Kind != process.FutexOther || number == 0 || number > math.MaxInt32 ||
		uint32(th.Call.Args[2]) != number {
		return 0, false
	}
	tid, ok = g.threadByNumber(p, int(number))
	return tid, ok && tid != th.TID
}

// isIdle reports true if the thread sleeps on a futex of its process alone.
func isIdle(t *proc.Thread) bool {
	_, shared := t.Call.SharedFutex()
	return t.In == process.InCall && process.FutexCall(t.Call.NR) && !shared
}
