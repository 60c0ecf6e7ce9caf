package collect

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
)

// workHeadless makes a set and a queue, and ends its first thread. /proc then shows the first thread as a zombie.
// Another thread waits for a message.
func workHeadless(j *kerneltest.Job) {
	a := kernel.NewAdmin()
	set, err := a.SemGet(sysv.KeyPrivate, 1, createIPC|0o600)
	j.Check(err)
	j.Check(a.SemOp(set, []sysv.SemOp{{Op: 1}}, 0))
	queue, err := a.MsgGet(sysv.KeyPrivate, createIPC|0o600)
	j.Check(err)
	j.Ready(fmt.Sprint("sem:", set), fmt.Sprint("msg:", queue))
	kerneltest.OnOtherThread(func() {
		_, _, err := a.MsgReceive(queue, 1, 10, 0)
		j.Check(err)
	})
	kerneltest.EndFirstThread()
	j.Wait()
}

// A process whose first thread has ended still has its other threads. It has descriptors, it waits, and it knows its
// objects.
func TestProcessWithoutItsFirstThread(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		w := kerneltest.Start(t, "headless")
		set, queue := w.Words[0], w.Words[1]
		var rows map[string]cells
		kerneltest.Eventually(s, "its first thread has ended, another waits", func() bool {
			rows, _ = s.look(schema.Msg, proc.NeedProcs|proc.NeedSyscall)
			return withoutFirstThread(w.PID) && len(rows[queue]["waiters"].Endpoints()) > 0
		})
		if got := rows[queue]["waiters"].Endpoints(); got[0].PID != w.PID || got[0].Mode != "msgrcv" {
			t.Errorf("waiters %+v, want process %d in msgrcv", got, w.PID)
		}
		if got := s.verdicts(schema.Sem)[set]; got.Verdict != relate.Idle {
			t.Errorf("%s: %+v, want idle: who used it last lives", set, got)
		}
		reads := slices.ContainsFunc(s.take(schema.Pipe).Objects[schema.Pipe], func(o *schema.Object) bool {
			readers := cellOf(schema.Pipe, "readers")(o).Endpoints()
			return slices.ContainsFunc(readers, func(e schema.Endpoint) bool { return e.PID == w.PID && e.FD == 0 })
		})
		if !reads {
			t.Error("its standard input is no pipe that it reads")
		}
	})
}

// withoutFirstThread reports that the first thread of a process has ended.
func withoutFirstThread(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && bytes.Contains(text, []byte(") Z "))
}

// A process whose first thread has ended is no zombie: not in the table, not for the doctor. A stop is seen.
func TestStateOfAProcessWithoutItsFirstThread(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		w := kerneltest.Start(t, "headless")
		kerneltest.Eventually(s, "its first thread has ended", func() bool { return withoutFirstThread(w.PID) })
		memory := func() uint64 { return cellOf(schema.Proc, "rss")(s.process(w.PID)).Uint() }
		if state := s.state(w.PID); state != 'S' && state != 'R' || memory() == 0 {
			t.Errorf("state %c with %d bytes, want a living process with memory", state, memory())
		}
		if found := findingsOn(s.examine(), "zombies", ""); len(found) > 0 {
			t.Errorf("zombies: %+v", found)
		}
		if err := unix.Kill(w.PID, unix.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		kerneltest.Eventually(s, "it is stopped", func() bool { return s.state(w.PID) == 'T' })
	})
}

// The owner of a mutex has ended, and the other threads of its process live. Nobody unlocks the mutex any more.
func TestWaitsForAFirstThreadThatHasEnded(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		w := kerneltest.Start(t, "headless")
		kerneltest.Eventually(t, "its first thread has ended", func() bool { return withoutFirstThread(w.PID) })
		perform(t, "mutex-owner-ended", strconv.Itoa(w.PID)).shows("b stuck\nwarning inferred stuck: b\n")
	})
}

// mutexOwnerEnded: b waits for a mutex. The thread with the number in the argument owns the mutex.
func mutexOwnerEnded(p *play) {
	m := p.mutexes(1)
	b := p.actor("b")
	owner, err := strconv.Atoi(p.j.Args[1])
	p.j.Check(err)
	p.forked = func() {
		m.lockedBy(0, owner)
		p.j.Check(unix.Munmap(m.memory))
	}
	m.lock(b.then(), 0, nil)
}

// state is the state of a process in the table of processes.
func (s *sysvScene) state(pid int) byte {
	s.Helper()
	if o := s.process(pid); o != nil {
		return o.Row.(*kinds.ProcRow).State
	}
	return 0
}

// process is the row of a process; nil: there is none.
func (s *sysvScene) process(pid int) *schema.Object {
	s.Helper()
	for _, o := range s.take(schema.Proc).Objects[schema.Proc] {
		if o.Row.(*kinds.ProcRow).PID == pid {
			return o
		}
	}
	return nil
}
