package collect

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/schema"
)

// These plays would be deadlocks if a guess about them were true.

// guessedPlays are the plays, by name.
func guessedPlays() map[string]func(*play) {
	return map[string]func(*play){
		"grandchild-free":  func(p *play) { p.grandchild(true) },
		"grandchild-waits": func(p *play) { p.grandchild(false) },
		"container-alone":  func(p *play) { p.container(false) },
		"container-shared": func(p *play) { p.container(true) },
		"epoll-changed":    func(p *play) { p.inheritedEpoll(true) },
		"epoll-same":       func(p *play) { p.inheritedEpoll(false) },
		"lock-changed":     func(p *play) { p.changedLock(false) },
		"locks-of-one":     func(p *play) { p.changedLock(true) },
		"sem-changed":      func(p *play) { p.changedSemaphore(false) },
		"sems-of-one":      func(p *play) { p.changedSemaphore(true) },
		"poll-changed":     changedPoll,
		"number-changed":   func(p *play) { p.changedNumber("eventfd") },
		"number-reused":    func(p *play) { p.changedNumber("pipe") },
		"number-same":      func(p *play) { p.changedNumber("") },
	}
}

// grandchild: a holds a lock and waits for any child. Its child b waits for the lock. b has a child, which is free or
// waits for the lock too. If a is a subreaper, a free grandchild can start a process for a and end.
func (p *play) grandchild(free bool) {
	one := p.open("one")
	a := p.actor("a", one)
	s := a.then()
	setlkw(s, unix.F_SETLKW, one)
	s.Raw(unix.SYS_CLONE, uintptr(unix.SIGCHLD))
	s.Raw(unix.SYS_WAIT4, ^uintptr(0), 0, 0, 0) // b has no child yet, so b goes on
	if free {
		p.sleepingChild(s, 0)
	} else {
		s.Raw(unix.SYS_CLONE, uintptr(unix.SIGCHLD))
	}
	setlkw(s, unix.F_SETLKW, one)
	p.settled = func() string { return fmt.Sprintf("b=%d", p.childOf(a.pid)) }
}

// container: c is process 1 of a pid namespace. It holds a lock and waits for any child. Its child b waits for the
// lock. If the namespace is shared, d comes into it from outside. Children of d may become children of c.
func (p *play) container(shared bool) {
	one := p.open("one")
	a := p.actor("a", one)
	s := a.then()
	p.childGoesOn(s, unix.CLONE_NEWPID)
	setlkw(s, unix.F_SETLKW, one)
	s.Raw(unix.SYS_CLONE, uintptr(unix.SIGCHLD))
	s.Raw(unix.SYS_WAIT4, ^uintptr(0), 0, 0, 0) // b has no child, so b goes on
	setlkw(s, unix.F_SETLKW, one)
	p.settled = func() string {
		c := p.childOf(a.pid)
		words := fmt.Sprintf("c=%d b=%d", c, p.childOf(c))
		if shared {
			p.enter(c)
		}
		return words
	}
}

// enter starts a process in the pid namespace of another process. It sleeps.
func (p *play) enter(pid int) {
	own, err := os.Open("/proc/self/ns/pid")
	p.j.Check(err)
	defer own.Close()
	other, err := os.Open(fmt.Sprintf("/proc/%d/ns/pid", pid))
	p.j.Check(err)
	defer other.Close()
	p.j.Check(unix.Setns(int(other.Fd()), unix.CLONE_NEWPID))
	_, err = p.admin.StartBare(new(process.Script).Sleep(process.Forever))
	p.j.Check(errors.Join(err, unix.Setns(int(own.Fd()), unix.CLONE_NEWPID)))
}

// inheritedEpoll: a has an eventfd. b holds a lock, and waits on an epoll instance that watches the eventfd. If the
// number has changed, b has another eventfd under this number, and c has that too. c waits for the lock.
func (p *play) inheritedEpoll(changed bool) {
	fds := make([]int, 3)
	for i := range fds {
		fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
		if i == 2 {
			fd, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC)
		}
		p.j.Check(err)
		fds[i] = fd
	}
	p.fds = append(p.fds, fds...)
	watched, other, epoll := fds[0], fds[1], fds[2]
	p.j.Check(unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, watched, &unix.EpollEvent{Events: unix.EPOLLIN}))
	x, y := p.open("lock"), p.open("lock")
	b, c := p.actor("b", watched, other, epoll, x), p.actor("c", watched, y)
	b.first.Flock(x, unix.LOCK_EX)
	if changed {
		b.first.Raw(unix.SYS_DUP3, uintptr(other), uintptr(watched), 0)
		c = p.actor("c", other, y)
		p.actors = append(p.actors[:1], c)
		p.actor("a", watched)
	}
	b.first.Close(other)
	event := new(unix.EpollEvent)
	b.then().Raw(unix.SYS_EPOLL_PWAIT, uintptr(epoll), b.first.Keep(event, unsafe.Pointer(event)), 1, ^uintptr(0), 0, 8)
	c.then().Flock(y, unix.LOCK_EX)
}

// sleeper is a thread of this process.
type sleeper struct {
	tid  int
	call chan [7]uintptr
}

// sleepers starts threads, in the order of their numbers.
func (p *play) sleepers(n int) []sleeper {
	list, tids := make([]sleeper, n), make(chan int)
	for i := range list {
		call := make(chan [7]uintptr)
		go func() {
			runtime.LockOSThread()
			tids <- unix.Gettid()
			c := <-call
			unix.Syscall6(c[0], c[1], c[2], c[3], c[4], c[5], c[6])
			select {}
		}()
		list[i] = sleeper{<-tids, call}
	}
	slices.SortFunc(list, func(a, b sleeper) int { return a.tid - b.tid })
	return list
}

// sleepIn makes a thread call the kernel. It returns when the thread sleeps in the call.
func (p *play) sleepIn(s sleeper, nr uintptr, args ...uintptr) {
	c := [7]uintptr{nr}
	copy(c[1:], args)
	s.call <- c
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for ; ; <-tick.C {
		text, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/syscall", s.tid))
		p.j.Check(err)
		if strings.HasPrefix(string(text), fmt.Sprintf("%d ", nr)) {
			return
		}
	}
}

// owned prepares a process q that waits for a mutex of a thread of this process. This process gives up its handlers, so
// that no signal ends its waits.
func (p *play) owned(q *actor, begin func() (tid int)) {
	m := p.mutexes(1)
	m.lock(q.then(), 0, nil)
	p.forked = func() {
		p.dropHandlers()
		m.lockedBy(0, begin())
		p.j.Check(unix.Munmap(m.memory))
	}
}

// dropHandlers makes this process handle no signal.
func (p *play) dropHandlers() {
	action := new([4]uint64) // struct sigaction: the default
	for signal := uintptr(1); signal <= 64; signal++ {
		unix.Syscall6(unix.SYS_RT_SIGACTION, signal, uintptr(unsafe.Pointer(action)), 0, 8, 0, 0)
	}
}

// changedLock: f holds byte 0 and q holds byte 1. Two threads of this process wait for the two bytes with one struct
// flock. q waits for the first thread. If q holds both bytes, this is a deadlock.
func (p *play) changedLock(both bool) {
	fd, mine := p.open("lock"), p.open("lock")
	p.fds = p.fds[:len(p.fds)-1]
	f, q := p.actor("f", fd), p.actor("q", fd)
	holders := []*actor{f, q}
	if both {
		holders[0] = q
	}
	for i, a := range holders {
		l := &unix.Flock_t{Type: unix.F_WRLCK, Start: int64(i), Len: 1}
		a.first.Raw(unix.SYS_FCNTL, uintptr(fd), unix.F_SETLKW, a.first.Keep(l, unsafe.Pointer(l)))
	}
	l := &unix.Flock_t{Type: unix.F_WRLCK, Len: 1}
	p.owned(q, func() int {
		args := []uintptr{uintptr(mine), unix.F_SETLKW, q.first.Keep(l, unsafe.Pointer(l))}
		threads := p.sleepers(2)
		p.sleepIn(threads[0], unix.SYS_FCNTL, args...)
		l.Start = 1
		p.sleepIn(threads[1], unix.SYS_FCNTL, args...)
		return threads[0].tid
	})
}

// changedSemaphore is changedLock with two semaphores and one struct sembuf.
func (p *play) changedSemaphore(both bool) {
	id := p.sems()
	f, q := p.actor("f"), p.actor("q")
	if both {
		q.first.SemOp(id, take(0, sysv.SemUndo))
	} else {
		f.first.SemOp(id, take(0, sysv.SemUndo))
	}
	q.first.SemOp(id, take(1, sysv.SemUndo))
	ops := []sysv.SemOp{take(0, sysv.SemUndo)}
	p.owned(q, func() int {
		args := []uintptr{uintptr(id), q.first.Keep(ops, unsafe.Pointer(&ops[0])), 1, 0}
		threads := p.sleepers(2)
		p.sleepIn(threads[0], unix.SYS_SEMTIMEDOP, args...)
		ops[0].Num = 1
		p.sleepIn(threads[1], unix.SYS_SEMTIMEDOP, args...)
		return threads[0].tid
	})
}

// changedPoll: a thread of this process polls a pipe of f. The array then gets a pipe of q, who waits for the thread.
func changedPoll(p *play) {
	r, w := p.pipe()
	r2, w2 := p.pipe()
	p.actor("f", w)
	q := p.actor("q", w2)
	p.fds = []int{w, w2}
	fds := []unix.PollFd{{Fd: int32(r), Events: unix.POLLIN}}
	p.owned(q, func() int {
		thread := p.sleepers(1)[0]
		p.sleepIn(thread, unix.SYS_PPOLL, q.first.Keep(fds, unsafe.Pointer(&fds[0])), 1, 0, 0, 8)
		fds[0].Fd = int32(r2)
		return thread.tid
	})
}

// changedNumber: a thread of this process reads a pipe of q, who waits for the thread. If the number has changed, the
// thread reads an eventfd or a pipe of f, and the number was given to the pipe of q since.
func (p *play) changedNumber(before string) {
	r, w := p.pipe()
	other, theirs := p.pipe()
	if before == "eventfd" {
		event, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
		p.j.Check(err)
		other, theirs = event, event
	}
	p.actor("f", theirs)
	q := p.actor("q", w)
	p.fds = []int{w}
	if theirs != other {
		p.fds = append(p.fds, theirs)
	}
	number := r
	if before != "" {
		number = other
	}
	buf := make([]byte, 8)
	p.owned(q, func() int {
		thread := p.sleepers(1)[0]
		p.sleepIn(thread, unix.SYS_READ, uintptr(number), q.first.Keep(buf, unsafe.Pointer(&buf[0])), 8)
		p.j.Check(unix.Dup3(r, other, unix.O_CLOEXEC))
		return thread.tid
	})
}

// Another thread may change the memory of a call's arguments, or the file behind a number, while the call sleeps.
func TestWaitsWhoseArgumentsChange(t *testing.T) {
	const deadlock = "q deadlock\n"
	for play, dead := range map[string]bool{"lock-changed": false, "locks-of-one": true, "sem-changed": false,
		"sems-of-one": true, "poll-changed": false, "number-changed": false, "number-same": true} {
		t.Run(play, func(t *testing.T) {
			kerneltest.InNamespace(t, func() {
				if play == "sems-of-one" && undoProof(t) != schema.Observed {
					t.Skip("needs BPF: without adjustments nothing tells who holds a semaphore")
				}
				s := perform(t, play)
				same := 0
				kerneltest.Eventually(t, "the wait of q", func() bool {
					got := s.look()
					if !dead && strings.Contains(got, "deadlock") {
						t.Fatalf("called a deadlock:\n%s", got)
					}
					if strings.Contains(got, deadlock) || !dead && strings.Contains(got, "q waits\n") {
						same++
					}
					return same >= 4
				})
			})
		})
	}
}

// A number may lead to another pipe since the call began, and nothing shows it. So the deadlock is only possible.
func TestDeadlockByANumberIsPossible(t *testing.T) {
	for _, play := range []string{"number-reused", "number-same"} {
		t.Run(play, func(t *testing.T) {
			kerneltest.InNamespace(t, func() {
				s := perform(t, play)
				kerneltest.EventuallySame(t, func() string {
					got := ""
					for _, f := range s.collector.Take(Request{Findings: true,
						Want: map[schema.Kind]schema.Need{schema.Wait: 0}}).Findings {
						verdict, _, _ := strings.Cut(f.Says, ":")
						got += fmt.Sprintln(f.Severity, f.Proof, verdict)
					}
					return gocmp.Diff("warning inferred possible deadlock\n", got)
				})
			})
		})
	}
}

// An epoll instance watches open files. A number may lead to another file in a process that inherits the instance.
func TestWaitsOnAnInheritedEpollInstance(t *testing.T) {
	for _, test := range []struct{ play, want string }{
		{"epoll-changed", `
a runs
  b waits
    c waits
`},
		{"epoll-same", `
b deadlock
  c deadlock
critical inferred deadlock: b c
`},
	} {
		t.Run(test.play, func(t *testing.T) {
			kerneltest.InNamespace(t, func() { perform(t, test.play).shows(strings.TrimPrefix(test.want, "\n")) })
		})
	}
}

// A process below a child may become a child of the waiter, and end.
func TestWaitsForAnyChild(t *testing.T) {
	for _, test := range []struct{ play, want string }{
		{"grandchild-free", `
  a waits
    b waits
`},
		{"grandchild-waits", `
a deadlock
  b deadlock
critical observed deadlock: a b
`},
		{"container-alone", `
c deadlock
  b deadlock
a timed
critical observed deadlock: b c
`},
		{"container-shared", `
  c waits
    b waits
a timed
`},
	} {
		t.Run(test.play, func(t *testing.T) {
			kerneltest.InNamespace(t, func() { perform(t, test.play).shows(strings.TrimPrefix(test.want, "\n")) })
		})
	}
}
