package collect

import (
	"hash/maphash"
	"time"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/schema"
)

// thread is one thread with what it sleeps in, as the graph of waits asks for it (NeedCalls).
type thread struct {
	kernel.Task
	wait         // what the call is on, as the lists of waiters have it
	listed  bool // wait counts
	timed   bool // the call ends by itself
	timeout time.Duration
	fds     []kernel.AwaitedFD // of poll and select
	futex   kernel.Futex
	since   time.Time // when it last ran; zero: not told
}

// threads reads what every thread of the process does. A process that has not run since still does the same.
func (w *walker) threads(p *Process, dir kernel.ProcDir, needs schema.Need, buf []byte, old cached, now *cached) {
	switch {
	case !needs.Has(schema.NeedCalls) || p.KernelThread() || p.State == 'Z' || p.State == 'X':
	case old.proc != nil && old.threads:
		p.threads, p.threadErr, now.threads = old.proc.threads, old.proc.threadErr, true
	default:
		tasks, err := dir.Tasks(buf)
		p.threadErr, now.threads = err, true
		p.threads = make([]thread, len(tasks))
		for i, t := range tasks {
			p.threads[i] = threadOf(dir, t)
		}
	}
}

// threadOf reads what a sleeping thread's call is about, as far as its memory may be read.
func threadOf(dir kernel.ProcDir, t kernel.Task) thread {
	th := thread{Task: t}
	if t.In != kernel.InCall {
		return th
	}
	if first, ok := dir.Resumed(t.Call); ok {
		t.Call, th.Call = first, first
	}
	th.wait, th.listed = waitOf(dir, t.Call)
	th.wait.tid = t.TID
	var err error
	if th.timeout, th.timed, err = dir.Timeout(t.Call); err != nil {
		th.timed = true // it names a time that cannot be read: it may end by itself
	}
	if kernel.FutexCall(t.Call.NR) {
		if th.futex, err = dir.Futex(t.Call); err != nil {
			th.futex = kernel.Futex{}
		}
		return th
	}
	if th.fds, err = dir.PollFDs(t.Call); err != nil {
		th.fds = nil
	}
	return th
}

// token tells this sleep from another one in the same call: the registers with which it was called, and when the thread last ran. A thread
// that went round a loop and sleeps in the same call again has run in between; the clock that says so is good to some milliseconds.
func (t *thread) token(seed maphash.Seed) uint64 {
	return maphash.Comparable(seed, t.Call)
}
