package collect

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/process"
)

// These plays would be deadlocks if a guess about them were true.

// guessedPlays are the plays, by name.
func guessedPlays() map[string]func(*play) {
	return map[string]func(*play){
		"grandchild-free":  func(p *play) { p.grandchild(true) },
		"grandchild-waits": func(p *play) { p.grandchild(false) },
		"container-alone":  func(p *play) { p.container(false) },
		"container-shared": func(p *play) { p.container(true) },
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

// container: c is process 1 of a pid namespace. It holds a lock and waits for any child. Its child b waits for the lock.
// If the namespace is shared, d comes into it from outside. Children of d may become children of c.
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
