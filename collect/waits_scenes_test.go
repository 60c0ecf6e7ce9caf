package collect

import (
	"fmt"
	"os"
	"slices"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
)

// builder builds scenes on the kernel, in the worker of a play.
type builder struct {
	*play
	mutexes mutexes
	locked  int // mutexes that are in use
	begins  []func()
	tells   []func() string
	stops   []*actor
}

// built is a scene that is being built.
type built struct {
	*builder
	*knot
	name  string
	keep  map[int][]int  // descriptors, by role
	fd    map[[2]int]int // by thing and waiting role
	mutex map[int]int
	ids   map[int]int        // of System V objects, by thing
	set   func() int         // of all semaphores with SEM_UNDO, in a scene with threads
	pids  map[int]func() int // of owners, when they are known
}

// worker stands for the worker's threads among the roles with a descriptor.
const worker = -1

func (b *builder) build(s *knot, n int) {
	c := &built{builder: b, knot: s, name: fmt.Sprintf("scene%d.%d", os.Getpid(), n), keep: map[int][]int{},
		fd: map[[2]int]int{}, mutex: map[int]int{}, ids: map[int]int{}, pids: map[int]func() int{}}
	c.set = sync.OnceValue(func() int { return b.semSet(mostThings) })
	for i := range s.things {
		c.prepare(i)
	}
	actors := map[int]*actor{}
	for i, a := range s.roles {
		switch a.sort {
		case "process", "parent":
			actors[i] = b.actor(a.name, c.keep[i]...)
			c.pids[i] = func() int { return actors[i].pid }
			if a.stops {
				b.stops = append(b.stops, actors[i])
			}
		case "thread":
			thread := b.sleepers(1)[0]
			c.pids[i] = func() int { return thread.tid }
			b.begins = append(b.begins, func() { c.sleep(thread, &s.roles[i]) })
			b.tells = append(b.tells, func() string { return fmt.Sprintf("%s=%d", a.name, thread.tid) })
		}
	}
	for i, t := range s.things {
		c.take(i, t, actors)
	}
	for i, a := range s.roles {
		switch a.sort {
		case "process":
			c.wait(actors[i].then(), i)
		case "parent":
			c.family(actors[i], i)
		}
	}
}

// give makes a role keep a descriptor. Children inherit it.
func (c *built) give(role, fd int) {
	if role == worker {
		return
	}
	if p := c.roles[role].parent; p >= 0 {
		role = p
	}
	if !slices.Contains(c.keep[role], fd) {
		c.keep[role] = append(c.keep[role], fd)
	}
}

// prepare opens what belongs to a thing, for its owners and for all who wait for it.
func (c *built) prepare(i int) {
	t := &c.things[i]
	if slices.Contains(objectSorts, t.sort) {
		c.prepareObject(i)
		return
	}
	give := c.give
	file := fmt.Sprintf("%s.%d", c.name, i)
	var end int
	switch t.sort {
	case "posix":
		file = c.name
		end = c.open(file)
	case "flock", "ofd":
		end = c.open(file)
	case "pipe":
		var w int
		end, w = c.pipe()
		for _, o := range t.owners {
			give(o, w)
		}
	case "event":
		fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
		c.j.Check(err)
		c.fds, end = append(c.fds, fd), fd
	case "mutex":
		c.mutex[i] = c.locked
		c.locked++
	}
	if t.sort == "posix" || t.sort == "event" || t.sort == "flock" || t.sort == "ofd" {
		give(t.owners[0], end)
		c.fd[[2]int{i, t.owners[0]}] = end
	}
	for role, a := range c.roles {
		if a.waits != i && a.seems != i {
			continue
		}
		fd := end
		if t.sort == "flock" || t.sort == "ofd" {
			fd = c.open(file)
		}
		if a.sort == "thread" && t.sort != "mutex" {
			var err error
			fd, err = unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3) // the worker keeps it
			c.j.Check(err)
			give(worker, fd)
		} else if t.sort != "mutex" && t.sort != "child" {
			give(role, fd)
		}
		c.fd[[2]int{i, role}] = fd
	}
}

// take makes the owners own the thing.
func (c *built) take(i int, t thing, actors map[int]*actor) {
	if slices.Contains(objectSorts, t.sort) {
		c.takeObject(i, t, actors)
		return
	}
	owner := t.owners[0]
	fd := c.fd[[2]int{i, owner}]
	switch t.sort {
	case "flock":
		actors[owner].first.Flock(fd, unix.LOCK_EX)
	case "ofd":
		setlkw(actors[owner].first, unix.F_OFD_SETLKW, fd)
	case "posix":
		s, l := actors[owner].first, byteOf(i)
		s.Raw(unix.SYS_FCNTL, uintptr(fd), unix.F_SETLKW, s.Keep(l, unsafe.Pointer(l)))
	case "mutex":
		c.begins = append(c.begins, func() { c.mutexes.lockedBy(c.mutex[i], c.pids[owner]()) })
	}
}

// byteOf is a lock on the byte that stands for a thing.
func byteOf(i int) *unix.Flock_t { return &unix.Flock_t{Type: unix.F_WRLCK, Start: int64(i), Len: 1} }

// wait makes a process wait for its thing.
func (c *built) wait(s *process.Script, role int) {
	i := c.roles[role].waits
	if i < 0 {
		return
	}
	fd := c.fd[[2]int{i, role}]
	switch c.things[i].sort {
	case "flock":
		s.Flock(fd, unix.LOCK_EX)
	case "ofd":
		setlkw(s, unix.F_OFD_SETLKW, fd)
	case "mutex":
		c.mutexes.lock(s, c.mutex[i], nil)
	case "pipe":
		s.Read(fd)
	default:
		c.waitForObject(s, i, fd)
	}
}

// family makes a subreaper that waits for any child, with a child and perhaps a grandchild. A free grandchild sleeps.
func (c *built) family(a *actor, parent int) {
	s := a.then()
	s.Raw(unix.SYS_PRCTL, unix.PR_SET_CHILD_SUBREAPER, 1)
	s.Raw(unix.SYS_CLONE, uintptr(unix.SIGCHLD))
	// The child has no child yet, so it goes on after wait4. It does not inherit the signal.
	s.Raw(unix.SYS_WAIT4, ^uintptr(0), 0, 0, 0)
	end := func() { s.Raw(unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL)) }
	end()
	child := parent + 1
	if grandchild := child + 1; grandchild < len(c.roles) {
		if c.roles[grandchild].waits < 0 {
			c.timedChild(s)
		} else {
			s.Raw(unix.SYS_CLONE, uintptr(unix.SIGCHLD))
			end()
		}
	}
	c.wait(s, child)
	c.tells = append(c.tells, func() string { return fmt.Sprintf("%s=%d", c.roles[child].name, c.childOf(a.pid)) })
}

// timedChild clones a child, which sleeps for a time.
func (p *play) timedChild(s *process.Script) {
	page, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	p.j.Check(err)
	at, end := s.Keep(page, unsafe.Pointer(&page[0])), &unix.Timespec{Sec: 1 << 30}
	const futexWaitPrivate = 128
	s.Raw(unix.SYS_CLONE, uintptr(unix.SIGCHLD)|unix.CLONE_PARENT_SETTID, 0, at)
	s.Raw(unix.SYS_FUTEX, at, futexWaitPrivate, 0, s.Keep(end, unsafe.Pointer(end)))
}

// sleep makes a thread of the worker wait for its thing. Then it changes the arguments to another thing.
func (c *built) sleep(t sleeper, a *role) {
	if a.waits < 0 {
		return // it sleeps in the wait for its call
	}
	at := slices.IndexFunc(c.roles, func(b role) bool { return b.name == a.name })
	fd, other := c.fd[[2]int{a.waits, at}], c.fd[[2]int{a.seems, at}]
	switch c.things[a.waits].sort {
	case "posix":
		l := byteOf(a.waits)
		c.sleepIn(t, unix.SYS_FCNTL, uintptr(fd), unix.F_SETLKW, c.actors[0].first.Keep(l, unsafe.Pointer(l)))
		l.Start = int64(a.seems)
	case "flock":
		c.sleepIn(t, unix.SYS_FLOCK, uintptr(fd), unix.LOCK_EX)
		if a.seems != a.waits {
			c.j.Check(unix.Dup3(other, fd, unix.O_CLOEXEC))
		}
	case "undo":
		op := []sysv.SemOp{take(c.semaphore(a.waits), sysv.SemUndo)}
		c.sleepIn(t, unix.SYS_SEMTIMEDOP, uintptr(c.ids[a.waits]),
			c.actors[0].first.Keep(op, unsafe.Pointer(&op[0])), 1, 0)
		op[0].Num = uint16(c.semaphore(a.seems))
	case "pipe":
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		c.sleepIn(t, unix.SYS_PPOLL, c.actors[0].first.Keep(fds, unsafe.Pointer(&fds[0])), 1, 0, 0, 8)
		fds[0].Fd = int32(other)
	case "event":
		buf := make([]byte, 8)
		c.sleepIn(t, unix.SYS_READ, uintptr(fd), c.actors[0].first.Keep(buf, unsafe.Pointer(&buf[0])), 8)
		if a.seems != a.waits {
			c.j.Check(unix.Dup3(other, fd, unix.O_CLOEXEC))
		}
	}
}
