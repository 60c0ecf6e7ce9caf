package proc

import (
	"cmp"
	"hash/maphash"
	"slices"
	"time"

	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/schema"
)

// Thread is one thread with what it sleeps in, as the graph of waits asks for it (NeedCalls).
type Thread struct {
	process.Task
	Wait         // what the call is on, as the lists of waiters have it
	Listed  bool // Wait counts
	Timed   bool // the call ends by itself
	Timeout time.Duration
	Polled  []process.AwaitedFD // of poll and select
	Futex   process.Futex
	Sleeps  uint64    // how often it has gone to sleep; 0: not told
	since   time.Time // when it last ran; zero: not asked yet, or not told
}

// threads reads what every thread of the process does. A process that has not run since still does the same; but what
// it sleeps on in shared memory others change meanwhile: a mutex goes from one owner to the next, and wakes but one
// of those who wait for it.
func (w *walker) threads(p *Process, dir process.Dir, needs schema.Need, buf []byte, old cached, now *cached) {
	switch {
	case !needs.Has(NeedCalls) || p.KernelThread() || p.Gone():
	case old.known != nil && old.threads && !slices.ContainsFunc(old.known.Tasks, Thread.sharesFutex):
		p.Tasks, p.TaskErr, now.threads = old.known.Tasks, old.known.TaskErr, true
	default:
		tasks, err := dir.Tasks(buf)
		p.TaskErr, now.threads = err, true
		p.Tasks = make([]Thread, len(tasks))
		for i, t := range tasks {
			p.Tasks[i] = threadOf(dir, t, buf)
		}
	}
}

// sharesFutex says whether the thread sleeps on a futex that other processes can change.
func (t Thread) sharesFutex() bool {
	_, shared := t.Call.SharedFutex()
	return t.In == process.InCall && shared
}

// Gone says whether no thread of the process is left.
func (p *Process) Gone() bool { return ended(&p.ProcStat) }

// Living is a thread whose files in /proc tell of the process: its first one, or one that has outlived it.
func (p *Process) Living() int { return cmp.Or(p.liveThread, p.PID) }

// threadOf reads what a sleeping thread's call is about, as far as its memory may be read.
func threadOf(dir process.Dir, t process.Task, buf []byte) Thread {
	th := Thread{Task: t}
	if t.In != process.InCall {
		return th
	}
	if first, ok := dir.Resumed(t.Call); ok {
		t.Call, th.Call = first, first
	}
	th.Sleeps, _ = dir.Switches(t.TID, buf) // else no verdict on it is ever confirmed
	th.Wait, th.Listed = WaitOf(dir, t.Call)
	th.Wait.Thread = t.TID
	var err error
	if th.Timeout, th.Timed, err = dir.Timeout(t.Call); err != nil {
		th.Timed = true // it names a time that cannot be read: it may end by itself
	}
	if process.FutexCall(t.Call.NR) {
		if th.Futex, err = dir.Futex(t.Call); err != nil {
			th.Futex = process.Futex{}
		}
		return th
	}
	if th.Polled, err = dir.PollFDs(t.Call); err != nil {
		th.Polled = nil
	}
	return th
}

// tokenSeed makes tokens of several ticks comparable.
type tokenSeed maphash.Seed

// Token tells this sleep from any other, however alike: by the registers that the call was made with, and how often
// the thread has gone to sleep. Where a live one's count could not be read, no two are the same.
func (tick *Tick) Token(t *Thread) uint64 {
	type sleep struct {
		call   process.BlockedCall
		sleeps uint64
		unsure time.Time
	}
	s := sleep{call: t.Call, sleeps: t.Sleeps}
	if t.Sleeps == 0 && tick.Host.Live() {
		s.unsure = time.Now()
	}
	return maphash.Comparable(maphash.Seed(*Keep(tick.Kept, func() tokenSeed { return tokenSeed(maphash.MakeSeed()) })), s)
}

// SleepsSince is when the thread last ran. It is asked when somebody shows it: it takes 25 microseconds, and the same
// answer does as long as the Thread has not run.
func (tick *Tick) SleepsSince(p *Process, t *Thread) time.Time {
	if !t.since.IsZero() || !tick.Host.Live() {
		return t.since
	}
	clock := Memo(tick, func(*Tick) *process.RunClock {
		clock, err := process.NewRunClock()
		if err != nil {
			return nil
		}
		return clock
	})
	if clock == nil {
		return time.Time{}
	}
	dir, err := tick.Host.OpenProc(p.PID)
	if err != nil {
		return time.Time{}
	}
	defer dir.Close()
	if ago, err := clock.LastRan(dir, t.TID); err == nil {
		t.since = tick.Now.Add(-ago)
	}
	return t.since
}
