package collect

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
)

// Waits for futexes: mutexes, whose word names their owner, and all that has none: semaphores, conditions, barriers.

// memoryObject is shared memory that a futex may lie in.
type memoryObject struct {
	ref   schema.Ref
	named bool // anybody may map it by its name
}

// listMemory are the objects of the kinds that are files, by device and inode.
func (g *waitGraph) listMemory() map[FileID]memoryObject {
	all := map[FileID]memoryObject{}
	for _, o := range g.f.Objects(schema.PSem) {
		r := o.Row.(*psemRow)
		all[FileID{r.Dev, r.Ino}] = memoryObject{o.Ref, o.Ref.Name != ""}
	}
	for _, o := range g.f.Objects(schema.PShm) {
		r := o.Row.(*pshmRow)
		all[FileID{r.Dev, r.Ino}] = memoryObject{o.Ref, o.Ref.Name != ""}
	}
	for _, o := range g.f.Objects(schema.Memfd) {
		r := o.Row.(*memfdRow)
		all[FileID{r.Dev, r.Ino}] = memoryObject{o.Ref, false}
	}
	for _, o := range g.f.Objects(schema.Mmap) {
		all[o.Row.(*mmapRow).users.id] = memoryObject{o.Ref, true}
	}
	return all
}

func (g *waitGraph) listSegments() map[waitKey]memoryObject {
	all := map[waitKey]memoryObject{}
	for _, o := range g.f.Objects(schema.Shm) {
		all[sysvWait(o.Ref)] = memoryObject{o.Ref, !o.Row.(*shmRow).Dest()}
	}
	return all
}

// lockWords name what a futex was told to be.
func lockWords(k kernel.FutexKind) string {
	switch k {
	case kernel.FutexMutex:
		return "mutex"
	case kernel.FutexRobust:
		return "robust mutex"
	case kernel.FutexPIMutex:
		return "priority-inheriting mutex"
	case kernel.FutexRWLock:
		return "rwlock"
	}
	return "futex"
}

// futexWait: a mutex's owner, or whoever may wake the word. ok is false where that is the thread's own affair.
func (g *waitGraph) futexWait(p *Process, th *thread) (e whoCould, via string, ok bool) {
	what := lockWords(th.futex.Kind)
	owned := th.futex.Owner > 0
	if _, shared := th.Call.SharedFutex(); !shared {
		return g.ownFutex(p, th), "a " + what + " of its own", true
	}
	key, found := g.f.waitKey(p, &th.wait)
	if !found {
		if p.mapsErr != nil {
			return whoCould{open: "whoever maps the memory"}, what + " in shared memory", true
		}
		// Some calls leave it to the kernel to see that the memory is the process's own: for robust mutexes, and for the end of a thread.
		if tid, ok := g.joined(p, th); ok {
			e.enders = []relate.Ender{{Proc: p.Ref(), TID: tid, How: "is that thread", Proof: schema.Observed}}
			return e, "the end of a thread", true
		}
		return g.ownFutex(p, th), "a " + what + " of its own", true
	}
	m := g.mappedAt(key)
	e.on = []schema.Ref{m.ref}
	via = fmt.Sprintf("%s at +0x%x", what, g.offset(p, th.addr))
	if owned {
		g.owner(&e, p, th, key, m.mappers)
		return e, via, true
	}
	e.enders = m.enders
	if m.named {
		e.open = "whoever maps it"
		return e, via, true
	}
	e.open, e.assumes = g.unseen("maps")
	if len(e.enders) == 0 && e.open == "" {
		e.open = "whoever maps it, who was not found"
	}
	g.handled(p, &e)
	return e, via, true
}

// mapping is shared memory with those who map it, and who may therefore wake whoever waits for a futex there.
type mapping struct {
	memoryObject
	mappers []*Process
	enders  []relate.Ender
}

func (g *waitGraph) mappedAt(key waitKey) *mapping {
	m, ok := g.mappings[key]
	if ok {
		return m
	}
	m = new(mapping)
	g.mappings[key] = m
	m.memoryObject, m.mappers = g.mapped(key)
	m.enders = processEnders(m.mappers, "maps it", schema.Inferred)
	if m.named {
		return m
	}
	if key.kind == schema.Shm {
		m.enders = append(m.enders, g.movedOn(key)...)
		return m
	}
	// Who has it open can map it when it likes.
	for _, n := range useEnders(g.f.FDUses(FDFile, key.dev, key.id), nil, "has it open") {
		n.Proof = schema.Inferred
		if !slices.ContainsFunc(m.mappers, func(q *Process) bool { return q.Ref() == n.Proc }) {
			m.enders = append(m.enders, n)
		}
	}
	return m
}

// movedOn are the processes of other IPC namespaces that map a segment of that number. It is most likely another, but who has attached this one
// keeps it when it goes to another namespace (unshare(2)), and no file tells the two apart.
func (g *waitGraph) movedOn(key waitKey) (enders []relate.Ender) {
	for _, q := range g.f.Processes() {
		maps := slices.ContainsFunc(q.shared, func(m kernel.Mapping) bool { return strings.HasPrefix(m.Name, segmentName) && m.Ino == key.id })
		if maps && g.f.ipcSpaceOf(q) != key.dev {
			enders = append(enders, relate.Ender{Proc: q.Ref(), How: "may map it from another IPC namespace", Proof: schema.Inferred, Weak: true})
		}
	}
	return enders
}

// mapped is the object of a shared futex, and the processes that map it.
func (g *waitGraph) mapped(key waitKey) (o memoryObject, mappers []*Process) {
	if key.kind == schema.Shm {
		if o = g.segments()[key]; o.ref.IsZero() {
			o = memoryObject{schema.Ref{Kind: schema.Shm, Space: key.dev, ID: key.id}, true}
		}
	} else if o = g.memory()[FileID{key.dev, key.id}]; o.ref.IsZero() {
		o = memoryObject{schema.Ref{Kind: schema.Mmap, Space: key.dev, ID: key.id}, true}
	}
	for _, q := range g.f.Processes() {
		maps := slices.ContainsFunc(q.shared, func(m kernel.Mapping) bool {
			if key.kind == schema.Shm {
				return strings.HasPrefix(m.Name, segmentName) && m.Ino == key.id && g.f.ipcSpaceOf(q) == key.dev
			}
			return m.Dev == key.dev && m.Ino == key.id && !strings.HasPrefix(m.Name, segmentName)
		})
		if maps {
			mappers = append(mappers, q)
		}
	}
	return o, mappers
}

// offset is where in the object the word lies, as seen from the start of the mapping.
func (g *waitGraph) offset(p *Process, addr uint64) uint64 {
	for _, m := range p.shared {
		if m.Start <= addr && addr < m.End {
			return addr - m.Start
		}
	}
	return addr
}

// ownership is the number of an owner in shared memory.
type ownership struct {
	memory waitKey
	kind   kernel.FutexKind
	number int
}

// owner makes the thread whose number is in the lock the only one that can end the wait. The number is that of the owner's pid namespace. A
// thread of that number that does not map the memory may have it from one that is gone, or map the memory again.
func (g *waitGraph) owner(e *whoCould, p *Process, th *thread, key waitKey, mappers []*Process) {
	owner := th.futex.Owner
	at := ownership{key, th.futex.Kind, owner}
	enders, ok := g.owners[at]
	if !ok {
		for _, q := range mappers {
			if tid, ok := g.thread(q, owner); ok {
				enders = append(enders, relate.Ender{Proc: q.Ref(), TID: tid, How: "owns the " + lockWords(th.futex.Kind), Proof: schema.Observed})
			}
		}
		g.owners[at] = enders
	}
	if e.enders = enders; len(enders) > 0 {
		return
	}
	if e.open, e.assumes = g.unseen("maps"); e.open != "" {
		return
	}
	if e.enders = g.numbered(p, owner, "has the owner's number, but does not map the memory"); len(e.enders) == 0 {
		e.assumes = fmt.Sprintf("its owner, thread %d, is gone and left it locked", owner)
	}
}

// numbering is a thread's number in a pid namespace.
type numbering struct {
	space  string
	number int
}

// numbered finds the thread that the pid namespace of p numbers so.
func (g *waitGraph) numbered(p *Process, number int, how string) []relate.Ender {
	own := g.pidSpace(p)
	key := numbering{own, number}
	found, ok := g.numbers[key]
	if !ok {
		found = g.findNumber(own, number, how)
		g.numbers[key] = found
	}
	return found
}

func (g *waitGraph) findNumber(own string, number int, how string) []relate.Ender {
	for _, q := range g.f.Processes() {
		if q.KernelThread() || q.gone() {
			continue
		}
		if tid, ok := g.thread(q, number); ok && g.pidSpace(q) == own {
			return []relate.Ender{{Proc: q.Ref(), TID: tid, How: how, Proof: schema.Inferred}}
		}
	}
	return nil
}

// pidSpace names a process's pid namespace; "" where that may not be read.
func (g *waitGraph) pidSpace(p *Process) string {
	dir, err := g.f.Host.OpenProc(p.living())
	if err != nil {
		return ""
	}
	defer dir.Close()
	name, _ := dir.Readlink("ns/pid")
	return name
}

// thread finds the thread of a process that its own pid namespace numbers so.
func (g *waitGraph) thread(q *Process, owner int) (tid int, ok bool) {
	dir, err := g.f.Host.OpenProc(q.living())
	if err != nil {
		return 0, false
	}
	defer dir.Close()
	tid, err = dir.Thread(owner)
	return tid, err == nil
}

// ownFutex is a futex of the process alone: its owner ends the wait. Of a condition or a semaphore nothing tells who is to wake whom, and
// an idle pool whose threads all wait for work looks no different from one that has lost its last: such a wait is open, if to its other threads
// first of all, those that wait for something else.
func (g *waitGraph) ownFutex(p *Process, th *thread) (e whoCould) {
	if th.futex.Owner > 0 {
		if tid, ok := g.thread(p, th.futex.Owner); ok {
			e.enders = []relate.Ender{{Proc: p.Ref(), TID: tid, How: "owns the " + lockWords(th.futex.Kind), Proof: schema.Observed}}
			return e
		}
	}
	for i := range p.threads {
		if o := &p.threads[i]; o.TID != th.TID && !o.idles() {
			e.enders = append(e.enders, relate.Ender{Proc: p.Ref(), TID: o.TID, How: "is a thread of the same process", Proof: schema.Inferred})
		}
	}
	e.open = "its own process"
	return e
}

// joined is the thread whose end a thread waits for, as pthread_join(3) does: on the word that holds its number, which the kernel clears when it ends
// (CLONE_CHILD_CLEARTID of clone(2)).
func (g *waitGraph) joined(p *Process, th *thread) (tid int, ok bool) {
	number := th.futex.Word
	if th.futex.Kind != kernel.FutexOther || number == 0 || number > math.MaxInt32 || uint32(th.Call.Args[2]) != number {
		return 0, false
	}
	tid, ok = g.thread(p, int(number))
	return tid, ok && tid != th.TID
}

// idles says whether the thread sleeps on a futex of its process alone.
func (t *thread) idles() bool {
	_, shared := t.Call.SharedFutex()
	return t.In == kernel.InCall && kernel.FutexCall(t.Call.NR) && !shared
}
