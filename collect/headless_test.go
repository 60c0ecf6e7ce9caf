package collect

import (
	"fmt"
	"runtime"
	"slices"
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
	go func() {
		runtime.LockOSThread()
		_, _, err := a.MsgReceive(queue, 1, 10, 0)
		j.Check(err)
	}()
	for range 64 { // each of these goroutines has its own thread, so one of them has the first thread
		go func() {
			runtime.LockOSThread()
			endFirstThread()
			select {}
		}()
	}
	runtime.LockOSThread()
	endFirstThread()
	j.Wait()
}

func endFirstThread() {
	if unix.Gettid() == unix.Getpid() {
		unix.RawSyscall(unix.SYS_EXIT, 0, 0, 0)
	}
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
			return s.state(w.PID) == 'Z' && len(rows[queue]["waiters"].Endpoints()) > 0
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

// state is the state of a process in /proc.
func (s *sysvScene) state(pid int) byte {
	s.Helper()
	for _, o := range s.take(schema.Proc).Objects[schema.Proc] {
		if p := o.Row.(*kinds.ProcRow); p.PID == pid {
			return p.State
		}
	}
	return 0
}
