package actions

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// rival changes one object or process while the deed runs. act returns true if the change took place. after checks
// what holds whatever came first, and removes what is left.
type rival struct {
	ref   schema.Ref
	act   func() bool
	after func(Result)
}

// Nobody becomes a victim whom the plan did not show. A deed after a change is refused. The kernel has no call that
// compares and removes at once: a change between the last look and the removal cannot be told, and is only counted.
func TestRaces(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		random := kerneltest.Random(t)
		rounds, played := kerneltest.Rounds(1500, 1_000_000), 0
		var counts raceCounts
		begin := time.Now()
		for played < rounds && !t.Failed() {
			size := min(100, rounds-played)
			rivals := make([]rival, size)
			var plan *Plan
			if random.IntN(20) == 0 {
				size = min(10, size)
				rivals = rivals[:size]
				plan = m.processRivals(rivals, random)
			} else {
				plan = m.objectRivals(rivals, random, played)
			}
			if len(plan.Steps) != size {
				t.Fatalf("planned %q", plan.Lines())
			}
			counts.race(t, plan, rivals, random)
			plan.Close()
			played += size
		}
		t.Logf("%d races in %v: %+v", played, time.Since(begin).Round(time.Millisecond), counts)
	})
}

// raceCounts are the ends of races.
type raceCounts struct {
	Done, Refused, DoneThoughChangedMeanwhile int
}

// race runs the steps of a plan, each against its rival.
func (c *raceCounts) race(t *testing.T, plan *Plan, rivals []rival, random *rand.Rand) {
	type timing struct{ deed, act time.Duration }
	timings := make([]timing, len(rivals))
	for i := range timings {
		spread := int64(1) << (7 + random.IntN(10)) // up to 65 microseconds
		timings[i] = timing{time.Duration(random.Int64N(spread)), time.Duration(random.Int64N(spread))}
	}
	var turn, acted atomic.Int64
	turn.Store(-1)
	acted.Store(-1)
	changed := make([]bool, len(rivals))
	ended := make([]time.Time, len(rivals))
	go func() {
		runtime.LockOSThread() // bare processes end with the thread that started them
		defer runtime.UnlockOSThread()
		for i := range rivals {
			await(&turn, i)
			spin(timings[i].act)
			changed[i] = rivals[i].act()
			ended[i] = time.Now()
			acted.Store(int64(i))
		}
		await(&turn, len(rivals))
	}()
	look := plan.lookAgain()
	for i := range rivals {
		turn.Store(int64(i))
		spin(timings[i].deed)
		begin := time.Now()
		result := plan.Steps[i].run(look)
		await(&acted, i)
		switch {
		case result.Outcome == Failed:
			t.Errorf("%s failed: %s", rivals[i].ref, result)
		case result.Outcome == Refused:
			c.Refused++
			if !changed[i] {
				t.Errorf("%s was refused, though nothing changed: %s", rivals[i].ref, result)
			}
		case changed[i] && ended[i].Before(begin):
			t.Errorf("%s is a victim, though it changed %v before the deed", rivals[i].ref, begin.Sub(ended[i]))
		case changed[i] && rivals[i].ref.Kind != schema.Proc:
			c.DoneThoughChangedMeanwhile++
		default:
			c.Done++
		}
		rivals[i].after(result)
	}
	turn.Store(int64(len(rivals)))
}

func await(n *atomic.Int64, at int) {
	for n.Load() < int64(at) {
		runtime.Gosched()
	}
}

func spin(d time.Duration) {
	for begin := time.Now(); time.Since(begin) < d; {
	}
}

// objectRivals makes System V objects, and plans their removal.
func (m *machine) objectRivals(rivals []rival, random *rand.Rand, base int) *Plan {
	var refs []schema.Ref
	for i := range rivals {
		rivals[i] = m.objectRival(random.IntN(11), uint32(0x10000+base+i))
		refs = append(refs, rivals[i].ref)
	}
	return m.removal(refs...)
}

func (m *machine) objectRival(which int, key uint32) rival {
	if which > 8 {
		return m.sharedRival(which == 9, fmt.Sprintf("/race.%d", key))
	}
	var v rival
	remove, again := m.admin.ShmRemove, func() schema.Ref { return m.shm(key, 1) }
	switch which % 3 {
	case 0:
		v.ref = m.shm(key, 1)
	case 1:
		v.ref = m.msg(key)
		remove, again = m.admin.MsgRemove, func() schema.Ref { return m.msg(key) }
	case 2:
		v.ref = m.sem(key, 2)
		remove, again = m.admin.SemRemove, func() schema.Ref { return m.sem(key, 2) }
	}
	id := int(v.ref.ID)
	v.after = func(r Result) {
		if r.Outcome != Done {
			remove(id) // it may be gone
		}
	}
	switch which {
	case 0: // a process attaches the segment
		var data []byte
		v.act = func() bool {
			var err error
			data, err = m.admin.ShmAttach(id, false)
			return err == nil
		}
		v.after = func(r Result) {
			if data != nil {
				m.ok(m.admin.ShmDetach(data))
			}
			if r.Outcome != Done {
				m.ok(remove(id))
			}
		}
	case 1: // a message comes
		v.act = func() bool { return m.admin.MsgSend(id, 1, []byte("x"), sysv.IPCNoWait) == nil }
	case 2: // an operation that takes no second of otime
		v.act = func() bool { return m.admin.SemSetValue(id, 1, 7) == nil }
	case 5:
		v.act = func() bool { return m.admin.SemOp(id, []sysv.SemOp{{Op: 1}}, 0) == nil }
	case 6, 7, 8: // another object gets the key
		var other schema.Ref
		v.act = func() bool {
			if remove(id) != nil {
				return false
			}
			other = again()
			return true
		}
		v.after = func(r Result) {
			if other.Kind == "" {
				return
			}
			if err := remove(int(other.ID)); err != nil {
				m.t.Errorf("%s, which got the key of %s, became a victim: %v", other, v.ref, err)
			}
		}
	default: // nothing changes
		v.act = func() bool { return false }
	}
	return v
}

// sharedRival makes shared memory that a process opens, or that gives its name to another.
func (m *machine) sharedRival(opens bool, name string) rival {
	m.ok(m.admin.PosixShmCreate(name, 64, 0o600))
	v := rival{ref: m.posix(schema.PShm, name)}
	fd := -1
	v.act = func() bool {
		if opens {
			// The signal of a broken lease goes to this very process, and may end the open that breaks the lease.
			for {
				var err error
				fd, err = m.admin.ShmOpen(name, unix.O_RDWR, 0) // does not wait for the end of a lease
				if !errors.Is(err, unix.EINTR) && !errors.Is(err, unix.EAGAIN) {
					return err == nil
				}
			}
		}
		if m.admin.PosixShmRemove(name) != nil {
			return false
		}
		m.ok(m.admin.PosixShmCreate(name, 64, 0o600))
		return true
	}
	v.after = func(r Result) {
		if fd >= 0 {
			m.ok(unix.Close(fd))
		}
		// If the deed was done, the name is free, or the new file came between the last look and the removal.
		if err := m.admin.PosixShmRemove(name); err != nil && r.Outcome != Done {
			m.t.Errorf("%s became a victim: %v", v.ref, err)
		}
	}
	return v
}

// processRivals starts processes, and plans to kill them.
func (m *machine) processRivals(rivals []rival, random *rand.Rand) *Plan {
	var refs []schema.Ref
	for i := range rivals {
		rivals[i] = m.processRival(random.IntN(3))
		refs = append(refs, rivals[i].ref)
	}
	return m.signal("KILL", Holders, refs...)
}

func (m *machine) processRival(which int) rival {
	pid, tell := m.racer()
	v := rival{ref: m.proc(pid), act: func() bool { return false }}
	reap := func() {
		tell()
		end(pid)
	}
	v.after = func(Result) { reap() }
	comm := fmt.Sprintf("/proc/%d/comm", pid)
	switch which {
	case 0: // another process gets the pid
		other := 0
		v.act = func() bool {
			end(pid)
			m.ok(os.WriteFile("/proc/sys/kernel/ns_last_pid", []byte(strconv.Itoa(pid-1)), 0o644))
			other, _ = m.racer()
			return true
		}
		v.after = func(Result) {
			if n, err := unix.Wait4(other, nil, unix.WNOHANG, nil); n != 0 || err != nil {
				m.t.Errorf("process %d, which got the pid of %s, became a victim", other, v.ref)
			}
			end(other)
		}
	case 1: // it runs another program
		v.act = func() bool {
			tell()
			for {
				name, err := os.ReadFile(comm)
				if err == nil && string(name) == "sleep\n" {
					return true
				}
				if stat, err := proc.StatOf(m.host, pid); err != nil || stat.State == 'Z' {
					return false
				}
			}
		}
	}
	return v
}

// racer starts a process that becomes sleep(1) when tell is called.
func (m *machine) racer() (pid int, tell func()) {
	m.t.Helper()
	var fds [2]int
	m.ok(unix.Pipe2(fds[:], unix.O_CLOEXEC))
	path, arg := []byte("/bin/sleep\x00"), []byte("1000\x00")
	s := new(process.Script).Name("racer").Read(fds[0])
	at := func(b []byte) *byte { return &b[0] }
	argv := []*byte{at(path), at(arg), nil}
	s.Raw(unix.SYS_EXECVE, s.Keep(path, unsafe.Pointer(&path[0])), s.Keep(argv, unsafe.Pointer(&argv[0])), 0)
	pid, err := m.admin.StartBare(s)
	m.ok(err)
	unix.Close(fds[0])
	kerneltest.Eventually(m.t, "the process has its name", func() bool {
		name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
		return err == nil && string(name) == "racer\n"
	})
	open := true
	return pid, func() {
		if open {
			open = false
			unix.Write(fds[1], []byte{1})
			unix.Close(fds[1])
		}
	}
}
