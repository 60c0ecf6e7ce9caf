package actions

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/schema"
)

// workLetGo opens a file, waits for a line, and closes the file.
func workLetGo(j *kerneltest.Job) {
	f, err := os.OpenFile(j.Args[0], os.O_RDWR, 0)
	j.Check(err)
	j.Ready()
	j.Wait()
	j.Check(f.Close())
	j.Ready()
	j.Wait()
}

// A process that has let the object go is no victim any more, whether the object is shared memory or a FIFO.
func TestAHolderThatHasLetGoIsNotSignalled(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		const fifo = "/dev/shm/news.fifo"
		m.ok(unix.Mkfifo(fifo, 0o600))
		ours, err := os.OpenFile(fifo, os.O_RDWR, 0) // another reader
		m.ok(err)
		defer ours.Close()
		m.ok(m.admin.PosixShmCreate("/cache", 1, 0o600))
		shared := m.posix(schema.PShm, "/cache")
		for path, to := range map[string]Side{fifo: Readers, "/dev/shm/cache": Holders} {
			w := kerneltest.Start(t, "let-go", path)
			object := shared
			if path == fifo {
				object = m.files()[fifo]
			}
			p := m.signal("KILL", to, object)
			defer p.Close()
			if len(p.Steps) != 1 || p.Steps[0].Ref != m.proc(w.PID) {
				t.Fatalf("planned %q", p.Lines())
			}
			both := m.signal("KILL", to, object, m.proc(w.PID)) // named by the person too
			defer both.Close()
			w.Say("close")
			w.Read()
			m.refused(p, m.proc(w.PID), "changed since it was shown: it is no "+strings.TrimSuffix(string(to), "s")+
				" of "+object.String()+" any more: look at it again")
			if m.stat(w.PID).State == 'Z' {
				t.Error("it was killed")
			}
			if got := m.run(both); len(got) != 1 || !strings.HasPrefix(got[0], "done ") {
				t.Errorf("the process that the person named: %q", got)
			}
		}
	})
}

// The condition by which a process was chosen must hold when the signal is sent.
func TestAProcessThatWentOnIsNotSignalled(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		pid := bare(t)
		defer end(pid)
		m.ok(unix.Kill(pid, unix.SIGSTOP))
		kerneltest.Eventually(t, "it stops", func() bool { return m.stat(pid).State == 'T' })
		r := m.proc(pid)
		p := m.signal("KILL", Holders, r)
		defer p.Close()
		state, _ := collect.MechanismOf(schema.Proc).Column("state")
		p.Because(Reason{Want: map[schema.Kind]schema.Need{schema.Proc: state.Needs},
			Lost: func(snap *collect.Snapshot, r schema.Ref) string {
				if o := snap.Find(r); o != nil && strings.HasPrefix(state.Get(o).Str(), "T") {
					return ""
				}
				return "it is not stopped any more"
			}})
		if p.Keep() != p {
			t.Error("a reason that holds refused the step")
		}
		m.ok(unix.Kill(pid, unix.SIGCONT))
		kerneltest.Eventually(t, "it goes on", func() bool { return m.stat(pid).State == 'S' })
		m.refused(p, r, "changed since it was shown: it is not stopped any more: look at it again")
	})
}

// workSemWait maps a semaphore of value 0. After a line it waits for the semaphore.
func workSemWait(j *kerneltest.Job) {
	f, err := os.OpenFile(j.Args[0], os.O_RDWR, 0)
	j.Check(err)
	sem, err := unix.Mmap(int(f.Fd()), 0, 32, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	j.Check(err)
	j.Check(f.Close())
	j.Ready()
	j.Wait()
	j.Check(kernel.NewAdmin().PosixSemWait(sem))
}

// A POSIX object that somebody opens, maps or waits on after the plan is left alone.
func TestAPosixObjectThatGetsAUserIsNotRemoved(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		queue := m.queue("/jobs", 0)
		p := m.removal(queue)
		defer p.Close()
		w := kerneltest.Start(t, "mq-open", "/jobs")
		m.refused(p, queue, "changed since it was shown: by now "+processName(m.stat(w.PID).Comm, w.PID)+
			" has it open: look at it again")

		m.ok(m.admin.PosixShmCreate("/cache", 8192, 0o600))
		cache := m.posix(schema.PShm, "/cache")
		p = m.removal(cache)
		defer p.Close()
		w = kerneltest.Start(t, "map-shm", "/cache")
		m.refused(p, cache, "changed since it was shown: by now "+processName(m.stat(w.PID).Comm, w.PID)+
			" has it mapped: look at it again")

		m.ok(m.admin.PosixSemCreate("/gate", 0, 0o600))
		gate := m.posix(schema.PSem, "/gate")
		w = kerneltest.Start(t, "sem-wait", "/dev/shm/sem.gate")
		p = m.removal(gate)
		defer p.Close()
		if p.Live() != 1 {
			t.Fatalf("planned %q", p.Lines())
		}
		w.Say("wait")
		kerneltest.Eventually(t, "it waits", func() bool {
			at := m.survey(newPlan(m.Planner, "", ""), []schema.Ref{gate}, removalNeeds).ends(gate)
			v, _ := at.At(kinds.Waiters)
			return len(v.Endpoints()) == 1
		})
		m.refused(p, gate, "changed since it was shown: by now "+processName(m.stat(w.PID).Comm, w.PID)+
			" is blocked in futex and is not woken: look at it again")

		p = m.removal(gate)
		defer p.Close()
		w.Kill()
		m.refused(p, gate, "changed since it was shown: it was in use, and now nobody uses it: look at it again")
	})
}

// The kernel itself knows whether anybody has a file of /dev/shm open or mapped, even a process that /proc does not
// show. It is asked right before the removal.
func TestTheKernelTellsThatAPosixObjectIsInUse(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		m.ok(m.admin.PosixShmCreate("/cache", 4096, 0o600))
		r := m.posix(schema.PShm, "/cache")
		p := m.removal(r)
		defer p.Close()
		p.reasons = nil // as if no look at /proc could show it
		const want = "changed since it was shown: nobody used it, and now somebody has it open or mapped: " +
			"look at it again"
		fd, err := m.admin.ShmOpen("/cache", unix.O_RDWR, 0)
		m.ok(err)
		m.refused(p, r, want)
		data, err := unix.Mmap(fd, 0, 4096, unix.PROT_READ, unix.MAP_SHARED)
		m.ok(err)
		m.ok(unix.Close(fd))
		m.refused(p, r, want)
		m.ok(unix.Munmap(data))
		if got := m.run(p); len(got) != 1 || got[0] != "done pshm:/cache: removed" {
			t.Errorf("after the last use: %q", got)
		}
	})
}

// Values and last pids of a set change within one second, in which otime stays the same.
func TestAnIdleSetThatWasUsedWithinASecondIsNotRemoved(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		kerneltest.Eventually(t, "a set to be made and used within one second", func() bool {
			r := m.sem(sysv.KeyPrivate, 2)
			p := m.removal(r)
			m.ok(m.admin.SemSetValue(int(r.ID), 1, 5))
			if m.ref(schema.Sem, int(r.ID)) != r {
				return false
			}
			m.refused(p, r, "changed since it was shown: sum of values was 0, is 5, sempids was [0], is [0 "+
				strconv.Itoa(os.Getpid())+"]: look at it again")
			return true
		})
	})
}
