package collect

import (
	"cmp"
	"hash/maphash"
	"slices"
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
	sleeps  uint64    // how often it has gone to sleep; 0: not told
	since   time.Time // when it last ran; zero: not asked yet, or not told
}

// threads reads what every thread of the process does. A process that has not run since still does the same; but what it sleeps on in shared
// memory others change meanwhile: a mutex goes from one owner to the next, and wakes but one of those who wait for it.
func (w *walker) threads(p *Process, dir kernel.ProcDir, needs schema.Need, buf []byte, old cached, now *cached) {
	switch {
	case !needs.Has(schema.NeedCalls) || p.KernelThread() || p.gone():
	case old.known != nil && old.threads && !slices.ContainsFunc(old.known.threads, thread.sharesFutex):
		p.threads, p.threadErr, now.threads = old.known.threads, old.known.threadErr, true
	default:
		tasks, err := dir.Tasks(buf)
		p.threadErr, now.threads = err, true
		p.threads = make([]thread, len(tasks))
		for i, t := range tasks {
			p.threads[i] = threadOf(dir, t, buf)
		}
	}
}

// sharesFutex says whether the thread sleeps on a futex that other processes can change.
func (t thread) sharesFutex() bool {
	_, shared := t.Call.SharedFutex()
	return t.In == kernel.InCall && shared
}

// gone says whether no thread of the process is left. The first one may end before the others, and is a zombie until they do.
func (p *Process) gone() bool { return (p.State == 'Z' || p.State == 'X') && p.Threads <= 1 }

// living is a thread whose files in /proc tell of the process: its first one, or one that has outlived it.
func (p *Process) living() int { return cmp.Or(p.heir, p.PID) }

// threadOf reads what a sleeping thread's call is about, as far as its memory may be read.
func threadOf(dir kernel.ProcDir, t kernel.Task, buf []byte) thread {
	th := thread{Task: t}
	if t.In != kernel.InCall {
		return th
	}
	if first, ok := dir.Resumed(t.Call); ok {
		t.Call, th.Call = first, first
	}
	th.sleeps, _ = dir.Switches(t.TID, buf) // else no verdict on it is ever confirmed
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

// tokenSeed makes tokens of several ticks comparable.
type tokenSeed maphash.Seed

// token tells this sleep from any other, however alike: by the registers that the call was made with, and how often the thread has gone to
// sleep. Where a live one's count could not be read, no two are the same.
func (f *Facts) token(t *thread) uint64 {
	type sleep struct {
		call   kernel.BlockedCall
		sleeps uint64
		unsure time.Time
	}
	s := sleep{call: t.Call, sleeps: t.sleeps}
	if t.sleeps == 0 && f.Host.Live() {
		s.unsure = time.Now()
	}
	return maphash.Comparable(maphash.Seed(*Keep(f.Kept, func() tokenSeed { return tokenSeed(maphash.MakeSeed()) })), s)
}

// sleepsSince is when the thread last ran. It is asked when somebody shows it: it takes 25 microseconds, and the same answer does as long as the
// thread has not run.
func (f *Facts) sleepsSince(p *Process, t *thread) time.Time {
	if !t.since.IsZero() || !f.Host.Live() {
		return t.since
	}
	clock := Memo(f, func(*Facts) *kernel.RunClock {
		clock, err := kernel.NewRunClock()
		if err != nil {
			return nil
		}
		return clock
	})
	if clock == nil {
		return time.Time{}
	}
	dir, err := f.Host.OpenProc(p.PID)
	if err != nil {
		return time.Time{}
	}
	defer dir.Close()
	if ago, err := clock.LastRan(dir, t.TID); err == nil {
		t.since = f.Now.Add(-ago)
	}
	return t.since
}
