package actions

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/collect/waits"
)

// workLink reads from the FIFO of the first argument, and holds the write end of that of the second one.
func workLink(j *kerneltest.Job) {
	open := func(path string, flags int) int {
		fd, err := unix.Open(path, flags|unix.O_CLOEXEC, 0)
		j.Check(err)
		return fd
	}
	both := []int{open(j.Args[0], unix.O_RDWR), open(j.Args[1], unix.O_RDWR)} // so that no open blocks
	j.Ready()
	j.Wait()
	in, out := open(j.Args[0], unix.O_RDONLY), open(j.Args[1], unix.O_WRONLY)
	for _, fd := range both {
		j.Check(unix.Close(fd))
	}
	j.Ready(out)
	j.Wait()
	j.Ready()
	_, err := unix.Read(in, make([]byte, 1))
	j.Check(err)
	j.Check(unix.Close(out))
	j.Wait()
}

// links starts two processes that read from FIFOs of each other. Only the first one of them reads at once.
func (m *machine) links(paths ...string) (reader, writer *kerneltest.Worker) {
	m.t.Helper()
	for _, path := range paths {
		m.ok(unix.Mkfifo(path, 0o600))
	}
	reader = kerneltest.Start(m.t, "link", paths[0], paths[1])
	writer = kerneltest.Start(m.t, "link", paths[1], paths[0])
	reader.Say("open")
	writer.Say("open")
	reader.Words, writer.Words = reader.Read(), writer.Read()
	reader.Say("read")
	reader.Read()
	return reader, writer
}

// wait returns the wait of a process for an object of a kind.
func (m *machine) wait(pid int, on schema.Kind) schema.Ref {
	m.t.Helper()
	var found schema.Ref
	c := collect.New(m.host, m.now)
	kerneltest.Eventually(m.t, "the process waits", func() bool {
		snap := c.Take(collect.Request{Want: map[schema.Kind]schema.Need{schema.Wait: 0}})
		for _, o := range snap.Objects[schema.Wait] {
			if w := o.Row.(*waits.Row); int(w.Task.Proc.ID) == pid && w.Task.Wait.On.Kind == on {
				found = o.Ref
			}
		}
		return !found.IsZero()
	})
	return found
}

// The enders of a wait get the signal, not the waiter. An ender that has let the object go gets none.
func TestTheEndersOfAWaitAreSignalled(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		reader, writer := m.links("/dev/shm/a.fifo", "/dev/shm/b.fifo")
		object, ender := m.files()["/dev/shm/a.fifo"], m.proc(writer.PID)
		wait := m.wait(reader.PID, schema.Fifo)
		for _, r := range []schema.Ref{wait, object} {
			p := m.signal("KILL", Enders, r)
			defer p.Close()
			if len(p.Steps) != 1 || p.Steps[0].Ref != ender {
				t.Fatalf("%s: planned %q", r, p.Lines())
			}
			why := fmt.Sprintf("it could end the wait of %d/%s for %s (", reader.PID, m.stat(reader.PID).Comm, object)
			if a := p.Steps[0].Affected; len(a) != 1 || !strings.HasPrefix(a[0], why) ||
				!strings.HasSuffix(a[0], ", fd "+writer.Words[0]+")") {
				t.Errorf("%s: affects %q, want %q and fd %s", r, a, why, writer.Words[0])
			}
		}
		// A wait with another side, or none, means the waiting process.
		if p := m.signal("TERM", Waiters, wait); len(p.Steps) != 1 || p.Steps[0].Ref != m.proc(reader.PID) {
			t.Errorf("planned %q", p.Lines())
		}

		byWait, byObject := m.signal("KILL", Enders, wait), m.signal("KILL", Enders, object)
		defer byWait.Close()
		defer byObject.Close()
		kerneltest.Start(t, "let-go", "/dev/shm/a.fifo") // so that the reader waits on
		other, err := unix.Open("/dev/shm/b.fifo", unix.O_WRONLY, 0)
		m.ok(err)
		defer unix.Close(other)
		writer.Say("read")
		writer.Read()
		_, err = unix.Write(other, []byte{0})
		m.ok(err)
		kerneltest.Eventually(t, "the ender lets it go", func() bool {
			_, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", writer.PID, writer.Words[0]))
			return err != nil
		})
		m.refused(byWait, ender, "changed since it was shown: it could not end the wait of "+wait.String()+
			" any more: look at it again")
		m.refused(byObject, ender, "changed since it was shown: it could not end the wait of "+object.String()+
			" any more: look at it again")
		reader.Kill()
		m.refused(byWait, ender, "changed since it was shown: "+wait.String()+" waits no more: look at it again")
		if m.stat(writer.PID).State == 'Z' {
			t.Error("it was killed")
		}
	})
}

// In a deadlock the enders wait themselves. The plan says so.
func TestTheEndersOfADeadlock(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		var a, b [2]int
		m.ok(unix.Pipe2(a[:], unix.O_CLOEXEC))
		m.ok(unix.Pipe2(b[:], unix.O_CLOEXEC))
		reads := func(name string, from, to [2]int) int {
			pid, err := m.admin.StartBare(new(process.Script).Name(name).Close(from[1]).Close(to[0]).Read(from[0]))
			m.ok(err)
			t.Cleanup(func() { end(pid) })
			return pid
		}
		left, right := reads("left", a, b), reads("right", b, a)
		for _, fd := range append(a[:], b[:]...) {
			m.ok(unix.Close(fd))
		}
		wait := m.wait(left, schema.Pipe)
		m.wait(right, schema.Pipe)
		p := m.signal("TERM", Enders, wait)
		defer p.Close()
		want := []string{fmt.Sprintf("%d/left waits in a deadlock: who could end its wait waits itself, and may not "+
			"act on a signal before it goes on; the end of one of them is enough", left),
			"a signal cannot be undone"}
		if diff := cmp.Diff(want, p.Notes); diff != "" {
			t.Error(diff)
		}
		if len(p.Steps) != 1 || p.Steps[0].Ref != m.proc(right) {
			t.Errorf("planned %q", p.Lines())
		}
	})
}

// Nobody is guessed: a wait without a known ender, and an object for which nobody waits.
func TestEndersThatNobodyKnows(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		sem := m.sem(0x11, 1)
		p := m.signal("KILL", Enders, sem)
		want := sem.String() + ": nobody waits for it, as far as can be seen: so nobody is needed to end a wait"
		if len(p.Steps) != 0 || len(p.Refused) != 1 || p.Refused[0].String() != want {
			t.Errorf("got %q, want %q", p.Lines(), want)
		}
		w := kerneltest.Start(t, "semop", fmt.Sprint(sem.ID))
		wait := m.wait(w.PID, schema.Sem)
		for _, r := range []schema.Ref{sem, wait} {
			p := m.signal("KILL", Enders, r)
			if len(p.Steps) != 0 || len(p.Refused) != 1 || !strings.HasPrefix(p.Refused[0].String(), r.String()+
				": no process can be named that could end the wait: ") {
				t.Errorf("got %q", p.Lines())
			}
		}
	})
}
