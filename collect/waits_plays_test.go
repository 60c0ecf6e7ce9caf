package collect

import (
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
)

// plays are the scenes, by name. If its comment says nothing else, an actor holds what it took first, and waits for
// what it takes next.
func plays() map[string]func(*play) {
	return map[string]func(*play){
		"semaphores":            func(p *play) { p.semaphores(0, 0) },
		"semaphores-undo":       func(p *play) { p.semaphores(sysv.SemUndo, 0) },
		"semaphores-timed":      func(p *play) { p.semaphores(0, process.Forever.Seconds()) },
		"semaphores-undo-timed": func(p *play) { p.semaphores(sysv.SemUndo, process.Forever.Seconds()) },
		"semaphore-holder-died": func(p *play) { p.holderDied(0) },
		"semaphore-undone":      func(p *play) { p.holderDied(sysv.SemUndo) },
		"flocks":                func(p *play) { p.flocks() },
		"flocks-other-holder":   func(p *play) { p.actor("c", p.flocks()) },
		"flocks-hanger-on":      flocksHangerOn,
		"flocks-other-thread":   flocksThread,
		"ofd-locks":             ofdLocks,
		"flock-and-pipe":        func(p *play) { p.flockAndPipe(false) },
		"flock-and-pipe-writer": func(p *play) { p.flockAndPipe(true) },
		"fcntl-and-sleeper":     fcntlSleeper,
		"fcntl-and-semaphore":   fcntlAndSemaphore,
		"mutexes":               func(p *play) { p.abbaMutexes(nil) },
		"mutexes-timed":         func(p *play) { p.abbaMutexes(&unix.Timespec{Sec: 1 << 30}) },
		"mutex-dead-owner":      deadOwner,
		"queues":                queues,
		"pipes":                 func(p *play) { p.pipes(false, 0) },
		"pipes-other-writer":    func(p *play) { p.pipes(true, 0) },
		"pipes-timed":           func(p *play) { p.pipes(false, 1<<30) },
		"relay":                 relay,
		"full-pipe":             fullPipe,
		"child":                 func(p *play) { p.child(0) },
	}
}

func (p *play) semaphores(flags int16, seconds float64) {
	id := p.sems()
	a, b := p.actor("a"), p.actor("b")
	a.first.SemOp(id, take(0, flags))
	b.first.SemOp(id, take(1, flags))
	a.then().SemOp(id, take(1, flags))
	if seconds == 0 {
		b.then().SemOp(id, take(0, flags))
		return
	}
	op, end := []sysv.SemOp{take(0, flags)}, &unix.Timespec{Sec: int64(seconds)}
	b.then().Raw(unix.SYS_SEMTIMEDOP, uintptr(id), b.then().Keep(op, unsafe.Pointer(&op[0])), 1,
		b.then().Keep(end, unsafe.Pointer(end)))
}

// holderDied: a takes the semaphore and ends, and b waits for it.
func (p *play) holderDied(flags int16) {
	id := p.sems()
	a, b := p.actor("a"), p.actor("b")
	a.first.SemOp(id, take(0, flags))
	a.dies = true
	b.then().SemOp(id, take(0, 0))
}

// flocks returns the open file of the lock that b holds and a waits for. Every process with that file could unlock it
// (flock(2)).
func (p *play) flocks() (two int) {
	ones, twos := p.open("one"), p.open("two") // of a
	one, two := p.open("one"), p.open("two")   // of b
	a, b := p.actor("a", ones, twos), p.actor("b", one, two)
	a.first.Flock(ones, unix.LOCK_EX)
	b.first.Flock(two, unix.LOCK_EX)
	a.then().Flock(twos, unix.LOCK_EX)
	b.then().Flock(one, unix.LOCK_EX)
	return two
}

// flocksHangerOn: c waits for a, and a waits for b. d waits for c.
func flocksHangerOn(p *play) {
	p.flocks()
	three, threes, one := p.open("three"), p.open("three"), p.open("one")
	c, d := p.actor("c", one, three), p.actor("d", threes)
	c.first.Flock(three, unix.LOCK_EX)
	c.then().Flock(one, unix.LOCK_EX)
	d.then().Flock(threes, unix.LOCK_EX)
}

// queues: each of a and b waits for a message that the other would send. Anybody may send to a queue.
func queues(p *play) {
	for _, name := range []string{"a", "b"} {
		id, err := p.admin.MsgGet(0, 0o600)
		p.j.Check(err)
		s, buf := p.actor(name).then(), make([]byte, 64)
		s.Raw(unix.SYS_MSGRCV, uintptr(id), s.Keep(buf, unsafe.Pointer(&buf[0])), 8, 0, 0)
	}
}

// deadOwner: a ended and left its mutex locked. b waits for the mutex, and c waits for b.
func deadOwner(p *play) {
	m := p.mutexes(2)
	a, b, c := p.actor("a"), p.actor("b"), p.actor("c")
	a.dies = true
	p.forked = func() {
		m.lockedBy(0, a.pid)
		m.lockedBy(1, b.pid)
		p.j.Check(unix.Munmap(m.memory))
	}
	m.lock(b.then(), 0, nil)
	m.lock(c.then(), 1, nil)
}

// ofdLocks: the kernel does not refuse a circle of locks of open files (fcntl_locking(2)).
func ofdLocks(p *play) {
	ones, twos := p.open("one"), p.open("two")
	one, two := p.open("one"), p.open("two")
	a, b := p.actor("a", ones, twos), p.actor("b", one, two)
	setlkw(a.first, unix.F_OFD_SETLKW, ones)
	setlkw(b.first, unix.F_OFD_SETLKW, two)
	setlkw(a.then(), unix.F_OFD_SETLKW, twos)
	setlkw(b.then(), unix.F_OFD_SETLKW, one)
}

// flocksThread: b is this process. It has a thread that waits, and threads that run.
func flocksThread(p *play) {
	one, two := p.open("one"), p.open("two")
	a := p.actor("a", one, two)
	a.first.Flock(one, unix.LOCK_EX)
	a.then().Flock(two, unix.LOCK_EX)
	mine, yours := p.open("two"), p.open("one")
	p.fds = []int{one, two}
	p.j.Check(unix.Flock(mine, unix.LOCK_EX))
	p.forked = func() {
		go func() {
			runtime.LockOSThread()
			p.j.Check(unix.Flock(yours, unix.LOCK_EX))
		}()
	}
	p.settled = func() string { return fmt.Sprintf("b=%d", os.Getpid()) }
}

// flockAndPipe: a holds the lock and reads from b, and b waits for the lock. With writer, c could write as well.
func (p *play) flockAndPipe(writer bool) {
	r, w := p.pipe()
	x, y := p.open("lock"), p.open("lock")
	a, b := p.actor("a", r, x), p.actor("b", w, y)
	a.first.Flock(x, unix.LOCK_EX)
	a.then().Read(r)
	b.then().Flock(y, unix.LOCK_EX)
	if writer {
		p.actor("c", w)
	}
}

// fcntlSleeper: the kernel refuses a circle of POSIX locks alone (EDEADLK, fcntl_locking(2)). So one actor sleeps with
// its lock.
func fcntlSleeper(p *play) {
	one := p.open("one")
	a, b := p.actor("a", one), p.actor("b", one)
	setlkw(a.first, unix.F_SETLKW, one)
	setlkw(b.then(), unix.F_SETLKW, one)
}

// fcntlAndSemaphore: the kernel does not see this circle, because it looks only at POSIX locks.
func fcntlAndSemaphore(p *play) {
	one, id := p.open("one"), p.sems()
	a, b := p.actor("a", one), p.actor("b", one)
	setlkw(a.first, unix.F_SETLKW, one)
	b.first.SemOp(id, take(0, sysv.SemUndo))
	a.then().SemOp(id, take(0, sysv.SemUndo))
	setlkw(b.then(), unix.F_SETLKW, one)
}

func (p *play) abbaMutexes(timeout *unix.Timespec) {
	m := p.mutexes(2)
	a, b := p.actor("a"), p.actor("b")
	p.forked = func() {
		m.lockedBy(0, a.pid)
		m.lockedBy(1, b.pid)
		p.j.Check(unix.Munmap(m.memory))
	}
	m.lock(a.then(), 1, nil)
	m.lock(b.then(), 0, timeout)
}

// pipes is a ring of three, and each reads from the next. With writer, d could write to a as well.
func (p *play) pipes(writer bool, seconds int64) {
	var r, w [3]int
	for i := range r {
		r[i], w[i] = p.pipe()
	}
	for i, name := range []string{"a", "b", "c"} {
		a := p.actor(name, r[i], w[(i+2)%3])
		if i == 1 && seconds > 0 {
			fds, end := []unix.PollFd{{Fd: int32(r[i]), Events: unix.POLLIN}}, &unix.Timespec{Sec: seconds}
			a.then().Raw(unix.SYS_PPOLL, a.then().Keep(fds, unsafe.Pointer(&fds[0])), 1,
				a.then().Keep(end, unsafe.Pointer(end)), 0, 8)
			continue
		}
		a.then().Read(r[i])
	}
	if writer {
		p.actor("d", w[0])
	}
}

// relay is a ring of ten actors that pass on a byte as fast as they can. Nine of them wait for the one that has it.
func relay(p *play) {
	const runners, rounds = 10, 40_000
	var r, w [runners]int
	for i := range r {
		r[i], w[i] = p.pipe()
	}
	buf := make([]byte, 1)
	for i := range r {
		next := w[(i+1)%runners]
		s := p.actor(string(rune('a'+i)), r[i], next).then()
		at := s.Keep(buf, unsafe.Pointer(&buf[0]))
		for range rounds {
			s.Raw(unix.SYS_READ, uintptr(r[i]), at, 1).Raw(unix.SYS_WRITE, uintptr(next), at, 1)
		}
	}
	p.forked = func() {
		_, err := unix.Write(w[0], buf)
		p.j.Check(err)
	}
}

// fullPipe: a writes more than the pipe holds. b has the read end and sleeps.
func fullPipe(p *play) {
	r, w := p.pipe()
	p.actor("a", w).then().Write(w, 1<<20)
	p.actor("b", r)
}

// child: a holds a lock and waits for its child b, and b waits for the lock. a makes the child after it took the lock,
// because a POSIX lock is not inherited (fcntl_locking(2)). If traced is a process, a traces it.
func (p *play) child(traced int) {
	one := p.open("one")
	a := p.actor("a", one)
	setlkw(a.first, unix.F_SETLKW, one)
	if traced != 0 {
		a.first.Raw(unix.SYS_PTRACE, unix.PTRACE_SEIZE, uintptr(traced))
	}
	l := &unix.Flock_t{Type: unix.F_WRLCK}
	at := a.then().Keep(l, unsafe.Pointer(l))
	page, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANONYMOUS)
	p.j.Check(err)
	// Both run the calls after the clone. The parent has the lock, so its fcntl does not wait. The child waits in its
	// fcntl.
	a.then().Raw(unix.SYS_CLONE, uintptr(unix.SIGCHLD)|unix.CLONE_PARENT_SETTID, 0,
		a.then().Keep(page, unsafe.Pointer(&page[0])))
	a.then().Raw(unix.SYS_FCNTL, uintptr(one), unix.F_SETLKW, at)
	a.then().Raw(unix.SYS_WAIT4, ^uintptr(0), 0, 0, 0)
	p.settled = func() string {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			if pid := binary.NativeEndian.Uint32(page); pid != 0 {
				return fmt.Sprintf("b=%d", pid)
			}
			<-tick.C
		}
	}
}
