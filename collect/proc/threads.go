package proc

import (
	"hash/maphash"
	"slices"
	"time"

	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/task"
	"github.com/ipctop/ipctop/collect/schema"
)

// Thread is one thread with the call that it sleeps in. The graph of waits reads threads (NeedCalls).
type Thread struct {
	process.Task
	Wait         // the object of the call, as in the lists of waiters
	Listed  bool // Wait is set
	Timed   bool // the call has a time limit
	Timeout time.Duration
	Polled  []process.AwaitedFD // of poll and select
	Futex   process.Futex
	Sleeps  uint64    // how often the thread has gone to sleep; 0: not known
	Deaf    bool      // it slept in state D when Sleeps was read: no signal wakes it, except sometimes SIGKILL
	since   time.Time // when the thread last ran; zero: not asked yet, or not known
}

// threads reads the call of every thread of the process. A process that has not run since the last tick is still in
// the same calls. But other processes may change a futex in shared memory. A mutex gets a new owner, and only one of
// its waiters wakes up.
func (w *walker) threads(p *Process, dir process.Dir, needs schema.Need, buf []byte, old cached, now *cached) {
	switch {
	case !needs.Has(NeedCalls) || p.KernelThread() || p.Gone():
	case old.known != nil && old.threads && sameThreads(p, old.known):
		p.Tasks, p.TaskErr, now.threads = old.known.Tasks, old.known.TaskErr, true
	default:
		if w.calls(p, func(t task.Thread) {
			p.Tasks = append(p.Tasks,
				threadOf(dir, t.Task(), buf, func() (uint64, byte) { return t.Switches(), t.State() }))
		}) {
			now.threads = true
			return
		}
		tasks, err := dir.Tasks(buf)
		p.TaskErr, now.threads = err, failure(err) == nil
		p.Tasks = make([]Thread, len(tasks))
		for i, t := range tasks {
			p.Tasks[i] = threadOf(dir, t, buf, func() (uint64, byte) {
				// on an error the count stays 0, and no verdict on the thread is ever confirmed
				n, state, _ := dir.Switches(t.TID, buf)
				return n, state
			})
		}
	}
}

// sameThreads reports whether the threads of an earlier tick can stand for those of now. The number of threads must be
// the same: on a virtual machine the time of a short run may count as stolen, and then the CPU clock stands still
// although the process has run (update_rq_clock_task in kernel/sched/core.c).
func sameThreads(p, old *Process) bool {
	return len(old.Tasks) == p.Threads && !slices.ContainsFunc(old.Tasks, Thread.sharesFutex)
}

// sharesFutex reports whether the thread sleeps on a futex that other processes can change.
func (t Thread) sharesFutex() bool {
	_, shared := t.Call.SharedFutex()
	return t.In == process.InCall && shared
}

// Gone reports whether all threads of the process have ended.
func (p *Process) Gone() bool { return ended(&p.ProcStat) }

// threadOf reads the object and the time limit of a sleeping thread's call, as far as the thread's memory is readable.
// switches tells how often the thread has gone to sleep, and its state.
func threadOf(dir process.Dir, t process.Task, buf []byte, switches func() (uint64, byte)) Thread {
	th := Thread{Task: t}
	sleeps := func() {
		var state byte
		th.Sleeps, state = switches()
		th.Deaf = state == 'D'
	}
	switch t.In {
	case process.InCall:
	case process.OutsideCall, process.Foreign32: // it may wait for a page in state D
		sleeps()
		return th
	default:
		return th
	}
	if first, ok := dir.Resumed(t.Call); ok {
		t.Call, th.Call = first, first
	}
	sleeps()
	th.Wait, th.Listed = WaitOf(dir, t.Call)
	th.Wait.Thread = t.TID
	var err error
	if th.Timeout, th.Timed, err = dir.Timeout(t.Call); err != nil {
		th.Timed = true // the time limit is unreadable: the call may have one
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

// tokenSeed is the same in all ticks, so that tokens of several ticks are comparable.
type tokenSeed maphash.Seed

// Token tells one sleep from another one in the same call. It is a hash of the call's registers and of the count of
// sleeps. If the count of a live thread is unreadable, every token differs.
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
	return maphash.Comparable(maphash.Seed(*Keep(tick.Kept, func() tokenSeed { return tokenSeed(maphash.MakeSeed()) })),
		s)
}

// SleepsSince is the time when the thread last ran. The answer costs 25 microseconds, so it is read only for a thread
// that is shown. It is valid until the thread runs again.
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
