package actions

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/namespace"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// workOwn makes a queue, a set and a segment. For a line of numbers it attaches the segment; for "receive" it waits for
// a message.
func workOwn(j *kerneltest.Job) {
	a := kernel.NewAdmin()
	create := 0o600 | sysv.IPCCreat | sysv.IPCExcl
	queue, err := a.MsgGet(0x51, create)
	j.Check(err)
	set, err := a.SemGet(0x52, 1, create)
	j.Check(err)
	segment, err := a.ShmGet(0x53, 4096, create)
	j.Check(err)
	j.Ready(queue, set, segment)
	for {
		switch j.Wait() {
		case "attach":
			_, err := a.ShmAttach(segment, true)
			j.Check(err)
			j.Ready()
		case "receive":
			j.Ready()
			_, _, err := a.MsgReceive(queue, 0, 10, 0)
			j.Ready(err)
		}
	}
}

// other is a second IPC namespace. Its objects have the same ids and keys as objects of the test's namespace.
type other struct {
	*machine
	*kerneltest.Worker
	way namespace.Namespace
}

func otherNamespace(m *machine) *other {
	m.t.Helper()
	w := kerneltest.StartIn(m.t, unix.CLONE_NEWIPC, "own")
	path := fmt.Sprintf("/proc/%d/ns/ipc", w.PID)
	link, err := os.Readlink(path)
	m.ok(err)
	_, ino, _ := namespace.ParseLink([]byte(link))
	own := []schema.Ref{m.msg(0x51), m.sem(0x52, 1), m.shm(0x53, 4096)}
	for i, r := range own {
		if w.Words[i] != strconv.FormatUint(r.ID, 10) {
			m.t.Fatalf("%s has id %s in the other namespace", r, w.Words[i])
		}
	}
	return &other{m, w, namespace.Namespace{Type: "ipc", Ino: ino, Path: path}}
}

// refs returns the Refs of the objects of the other namespace.
func (o *other) refs() []schema.Ref {
	o.t.Helper()
	var refs []schema.Ref
	o.ok(o.host.VisitNamespace(o.way, func() error {
		q, err := o.host.MsgStat(atoi(o.Words[0]))
		o.ok(err)
		s, err := o.host.SemStat(atoi(o.Words[1]))
		o.ok(err)
		g, err := o.host.ShmStat(atoi(o.Words[2]))
		o.ok(err)
		refs = []schema.Ref{
			{Kind: schema.Msg, Space: o.way.Ino, ID: uint64(q.ID), Gen: uint64(q.CTime)},
			{Kind: schema.Sem, Space: o.way.Ino, ID: uint64(s.ID), Gen: uint64(s.CTime)},
			{Kind: schema.Shm, Space: o.way.Ino, ID: uint64(g.ID), Gen: uint64(g.CTime)},
		}
		return nil
	}))
	return refs
}

func atoi(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		panic(err)
	}
	return n
}

// objects counts the objects of the test's namespace and of the other namespace.
func (o *other) objects() (own, there uint64) {
	o.t.Helper()
	own, err := o.host.IPCObjects()
	o.ok(err)
	o.ok(o.host.VisitNamespace(o.way, func() (err error) { there, err = o.host.IPCObjects(); return err }))
	return own, there
}

func TestObjectsOfAnotherNamespaceAreRemovedThere(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		o := otherNamespace(live(t))
		refs := o.refs()
		p := o.removal(refs...)
		if len(p.Refused) != 0 || len(p.Steps) != 3 {
			t.Fatal(p.Lines())
		}
		stat, err := proc.StatOf(o.host, o.PID)
		o.ok(err)
		want := []string{
			fmt.Sprintf("%s: in IPC namespace %d (%s[%d]): shared memory segment %d (key 0x00000053, owner %s) is "+
				"destroyed at once; its 4096 bytes are lost",
				refs[2], o.way.Ino, stat.Comm, o.PID, refs[2].ID, ownName()),
			fmt.Sprintf("  verdict: idle: nobody has it attached: nattch is 0; its creator lives: %d/%s", o.PID,
				stat.Comm),
			"  not saved: it cannot be made again from here: it is in another IPC namespace",
			fmt.Sprintf("  same as: nsenter --ipc=/proc/%d/ns/ipc ipcrm -m %d", o.PID, refs[2].ID),
		}
		if diff := cmp.Diff(want, p.Steps[2].Lines()); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"done " + refs[0].String() + ": removed", "done " + refs[1].String() + ": removed",
			"done " + refs[2].String() + ": removed"}, o.run(p)); diff != "" {
			t.Error(diff)
		}
		if own, there := o.objects(); own != 3 || there != 0 {
			t.Errorf("%d objects here, %d there; want 3 and 0", own, there)
		}
	})
}

func TestTheRecheckLooksInsideTheNamespace(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		o := otherNamespace(live(t))
		segment := o.refs()[2]
		p := o.removal(segment)
		o.Say("attach")
		o.Read()
		o.refused(p, segment, "changed since it was shown: nattch was 0, is 1, ")
		if own, there := o.objects(); own != 3 || there != 3 {
			t.Errorf("%d objects here, %d there; want 3 and 3", own, there)
		}
	})
}

func TestAReceiverInAnotherNamespaceIsNamedAndGetsEIDRM(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		o := otherNamespace(live(t))
		o.Say("receive")
		o.Read()
		queue := o.refs()[0]
		var p *Plan
		kerneltest.Eventually(t, "the receiver is seen", func() bool {
			p = o.removal(queue)
			return p.Live() == 1
		})
		if got := strings.Join(p.Lines(), "\n"); !strings.Contains(got,
			fmt.Sprintf("(pid %d) is blocked in msgrcv and gets EIDRM", o.PID)) {
			t.Error(got)
		}
		if diff := cmp.Diff([]string{"done " + queue.String() + ": removed"}, o.run(p)); diff != "" {
			t.Error(diff)
		}
		if got := strings.Join(o.Read(), " "); !strings.Contains(got, "identifier removed") {
			t.Errorf("the receiver got %q", got)
		}
	})
}

func TestTheNamespaceIsGoneSinceThePlan(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		o := otherNamespace(live(t))
		queue := o.refs()[0]
		p := o.removal(queue)
		o.Kill()
		o.refused(p, queue, "it is gone: ")
	})
}

func TestTheCreatorInAnotherNamespaceIsSignalled(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		o := otherNamespace(live(t))
		p, err := o.Signal(Signal{Number: syscall.SIGTERM, Name: "TERM"}, o.refs()[2:], Creator)
		o.ok(err)
		if len(p.Steps) != 1 || p.Steps[0].Ref != o.proc(o.PID) {
			t.Errorf("want one step, to %d: %q", o.PID, p.Lines())
		}
	})
}

func TestANamespaceThatMayNotBeEnteredIsRefused(t *testing.T) {
	needRoot(t)
	kerneltest.InNamespace(t, func() {
		nobody := &syscall.Credential{Uid: 65534, Gid: 65534}
		w := kerneltest.StartAsIn(t, nobody, unix.CLONE_NEWIPC, "own")
		link, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/ipc", w.PID))
		if err != nil {
			t.Fatal(err)
		}
		_, ino, _ := namespace.ParseLink([]byte(link))
		says := kerneltest.StartAs(t, nobody, "plan-there", "shm", w.Words[2], fmt.Sprint(ino)).Words
		want := fmt.Sprintf("shm:%s@%d: its IPC namespace cannot be entered (enter ipc:[%d]: operation not "+
			"permitted): needs root", w.Words[2], ino, ino)
		if diff := cmp.Diff(want, strings.Join(says, " ")); diff != "" {
			t.Error(diff)
		}
	})
}

// workPlanThere plans the removal of an object of another namespace. Its words are the refusals.
func workPlanThere(j *kerneltest.Job) {
	host, err := kernel.Open("")
	j.Check(err)
	number := func(i int) uint64 {
		n, err := strconv.ParseUint(j.Args[i], 10, 64)
		j.Check(err)
		return n
	}
	p := NewPlanner(Options{Host: host, Now: time.Now})
	plan, err := p.Remove([]schema.Ref{{Kind: schema.Kind(j.Args[0]), ID: number(1), Space: number(2)}})
	j.Check(err)
	for _, r := range plan.Refused {
		j.Ready(r)
	}
}
