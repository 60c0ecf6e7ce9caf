package waits

import (
	"fmt"
	"slices"
	"syscall"

	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/relate"
)

// Waits that only the waiter's own process could end: it reads a pipe whose only write end it has itself, or it sleeps
// on a futex of its own memory. Such a process is stuck if no thread of it is free, and no signal handler can run.

// ownAffair settles a wait for a descriptor whose other end only the waiter's own process has. Any other thread of the
// process could end the wait. But no thread is known to be the one that would, so these enders close no circle.
//
// A poll in a process of several threads stays open: event loops sleep on a wake-up pipe of their own.
func (g *graph) ownAffair(p *proc.Process, th *proc.Thread, e *wakers) {
	if proc.Locking(th.Syscall) || e.open != "" || !g.onlyThreadsOf(p, e.enders) {
		return
	}
	if th.Call.Serves() && len(p.Tasks) > 1 {
		e.open = "its own process"
		return
	}
	e.enders = slices.Clone(e.enders) // other threads may share the list
	for i := range e.enders {
		e.enders[i].Weak = true
	}
	g.own[relate.Thread{Proc: p.Ref(), TID: th.TID}] = true
}

// openIfHandled makes a wait open if its own process is among the enders and handles signals. A handler may write to
// the pipe of its own process, or post a semaphore. A handler for SIGINT alone is the interpreter's answer to Ctrl-C
// (Python installs it in every program). It ends the program. So it leaves a wait open only if nobody else is an ender.
func (g *graph) openIfHandled(p *proc.Process, e *wakers) {
	if e.open != "" || len(e.enders) == 0 {
		return
	}
	own, handled := p.Ref(), g.handlers(p)
	if handled == 0 || !slices.ContainsFunc(e.enders, func(n relate.Ender) bool { return n.Proc == own }) {
		return
	}
	const interrupt = sys.SignalSet(1) << (syscall.SIGINT - 1)
	others := slices.ContainsFunc(e.enders,
		func(n relate.Ender) bool { return !n.Weak && (n.Proc != own || n.TID != 0) })
	if handled != interrupt || !others {
		e.open, e.byHandler = "a signal handler of its own", true
		return
	}
	if e.assumes != "" {
		e.assumes += ", and "
	}
	e.assumes += fmt.Sprintf("the handler of %d/%s for SIGINT does not end the wait", p.PID, p.Comm)
}

// handlers are the signals whose handlers could run in a sleeping process, and could wake its threads. These do not
// count: the signals of glibc's threads (SIGCANCEL, SIGSETXID: nptl(7)), and the signals for a fault of the thread
// itself (signal(7)), which a sleeping thread does not commit.
func (g *graph) handlers(p *proc.Process) sys.SignalSet {
	const glibc = 1<<31 | 1<<32 // signals 32 and 33
	caught := g.caughtSignals(p) &^ glibc
	for _, fault := range [...]syscall.Signal{syscall.SIGILL, syscall.SIGTRAP, syscall.SIGABRT, syscall.SIGBUS,
		syscall.SIGFPE, syscall.SIGSEGV, syscall.SIGSYS} {
		caught &^= 1 << (fault - 1)
	}
	return caught
}

// otherHand names who could step into a wait that only the waiter's own process could end; "": nobody. These are a
// tracer, the process's own io_uring, and processes that share its memory or its descriptors (CLONE_VM, CLONE_FILES).
func (g *graph) otherHand(p *proc.Process) string {
	hand, ok := g.hands[p]
	if !ok {
		hand = g.findOtherHand(p)
		g.hands[p] = hand
	}
	return hand
}

func (g *graph) findOtherHand(p *proc.Process) string {
	if !g.tick.Host.Live() {
		return ""
	}
	text, err := g.tick.Host.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID))
	if err != nil {
		return "its tracer, which could not be read"
	}
	if tracer, err := process.ParseTracer(text); err != nil || tracer != 0 {
		return "its tracer"
	}
	if g.ringUsers()[p] {
		return "the kernel, which acts for it by an io_uring"
	}
	if list := g.sharers(process.SharedMemory, p); len(list) > 0 {
		return fmt.Sprintf("%d/%s, which shares its memory", list[0].PID, list[0].Comm)
	}
	return ""
}
