package actions

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/account"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

func ownName() string { return account.NewUsers(true).User(uint32(os.Getuid())) }

func TestAnUnusedSegmentIsRemoved(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		r := m.shm(0x1234, 8192)
		p := m.removal(r, r)
		stat, err := proc.StatOf(m.host, os.Getpid())
		m.ok(err)
		want := []string{
			"Remove 1 object",
			fmt.Sprintf("shm:%d: shared memory segment %d (key 0x00001234, owner %s) is destroyed at once; "+
				"its 8192 bytes are lost", r.ID, r.ID, ownName()),
			fmt.Sprintf("  verdict: idle: nobody has it attached: nattch is 0; its creator lives: %d/%s", stat.PID,
				stat.Comm),
			fmt.Sprintf("  same as: ipcrm -m %d", r.ID),
			undoNote,
		}
		if diff := cmp.Diff(want, p.Lines()); diff != "" {
			t.Error(diff)
		}
		if n := p.Live(); n != 0 {
			t.Errorf("%d steps want an id typed, though nobody is attached", n)
		}
		if diff := cmp.Diff([]string{"done " + r.String() + ": removed"}, m.run(p)); diff != "" {
			t.Error(diff)
		}
		if _, err := m.host.ShmStat(int(r.ID)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("after the removal: %v, want that it is gone", err)
		}
	})
}

func TestASegmentAttachedSinceThePlanIsRefused(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		r := m.shm(sysv.KeyPrivate, 4096)
		p := m.removal(r)
		kerneltest.Start(t, "attach", fmt.Sprint(r.ID))
		m.refused(p, r, "changed since it was shown: nattch was 0, is 1, ")
		if _, err := m.host.ShmStat(int(r.ID)); err != nil {
			t.Errorf("the refused segment: %v", err)
		}
	})
}

func TestASegmentThatWasAttachedAndDetachedSinceThePlanIsRefused(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		r := m.shm(sysv.KeyPrivate, 4096)
		p := m.removal(r)
		w := kerneltest.Start(t, "attach", fmt.Sprint(r.ID))
		w.Say("detach")
		w.Read()
		m.refused(p, r, fmt.Sprintf("changed since it was shown: lpid was 0, is %d, ", w.PID))
	})
}

func TestAnAttachedSegmentIsMarkedAfterItsIDWasTyped(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		r := m.shm(0x77, 4096)
		w := kerneltest.Start(t, "attach", fmt.Sprint(r.ID))
		p := m.removal(r)
		if len(p.Steps) != 1 || !p.Steps[0].Live || p.Steps[0].Confirm != fmt.Sprint(r.ID) {
			t.Fatalf("an attached segment asks for its id: %+v", p.Steps)
		}
		want := []string{"done " + r.String() + ": marked for destruction, goes away with its last attachment"}
		if diff := cmp.Diff(want, m.run(p)); diff != "" {
			t.Error(diff)
		}
		s, err := m.host.ShmStat(int(r.ID))
		m.ok(err)
		if !s.Dest() || s.NAttch != 1 {
			t.Errorf("mode %o, nattch %d: want dest and still attached", s.Mode, s.NAttch)
		}
		again := m.removal(r)
		// The test made the segment and does not map it. The holder may be a server that maps it for its clients.
		refused := []Refusal{{r, fmt.Sprintf("it is removed already (dest) and goes away with its last attachment "+
			"(1 now): its creator, process %d, lives and does not map it: end the creator, ipctop signal TERM --to "+
			"creator %s; those who map it may be a server that lets go then", os.Getpid(), r)}}
		if diff := cmp.Diff(refused, again.Refused); diff != "" {
			t.Error(diff)
		}
		w.Finish()
	})
}

// replace removes a segment and makes another with the same id. Without help, an id comes back after 65536 × 64
// removals. /proc/sys/kernel/shm_next_id sets the next id at once (CONFIG_CHECKPOINT_RESTORE).
func (m *machine) replace(r schema.Ref, key uint32, size uint64) {
	m.t.Helper()
	m.ok(m.admin.ShmRemove(int(r.ID)))
	m.ok(os.WriteFile("/proc/sys/kernel/shm_next_id", []byte(fmt.Sprint(r.ID)), 0o644))
	if other := m.shm(key, size); other.ID != r.ID {
		m.t.Fatalf("the new segment has id %d, want %d again", other.ID, r.ID)
	}
}

func TestAnotherObjectUnderTheSameIDAndKeyIsRefused(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		r := m.shm(0x55, 4096)
		p := m.removal(r)
		kerneltest.Eventually(t, "a second later, so that ctime differs", func() bool {
			other := m.shm(sysv.KeyPrivate, 1)
			m.ok(m.admin.ShmRemove(int(other.ID)))
			return other.Gen != r.Gen
		})
		m.replace(r, 0x55, 4096)
		now := m.ref(schema.Shm, int(r.ID))
		want := []string{fmt.Sprintf("refused %s: changed since it was shown: ctime was %v, is %v: look at it again", r,
			moment(r.Gen), moment(now.Gen))}
		if diff := cmp.Diff(want, m.run(p)); diff != "" {
			t.Error(diff)
		}
		// The plan already refuses a Ref that is older than the object.
		p = m.removal(r)
		if len(p.Steps) != 0 || len(p.Refused) != 1 || !strings.HasPrefix(p.Refused[0].Why,
			"it is not the object that was shown: ctime was ") {
			t.Errorf("planned %v", p.Lines())
		}
	})
}

func TestAQueueTellsWhatIsLost(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		r := m.msg(0x99)
		m.ok(m.admin.MsgSend(int(r.ID), 1, make([]byte, 100), sysv.IPCNoWait))
		m.ok(m.admin.MsgSend(int(r.ID), 1, make([]byte, 50), sysv.IPCNoWait))
		p := m.removal(r)
		stat, err := proc.StatOf(m.host, os.Getpid())
		m.ok(err)
		want := []string{
			"Remove 1 object",
			fmt.Sprintf("msg:%d: message queue %d (key 0x00000099, owner %s) is destroyed at once; "+
				"whoever is blocked in msgsnd or msgrcv on it gets EIDRM, also who begins to wait before you answer, "+
				"whoever uses it later EINVAL", r.ID, r.ID, ownName()),
			"  affects: 2 messages (150 bytes) are lost",
			"  affects: last sender: " + processName(stat.Comm, stat.PID),
			fmt.Sprintf("  same as: ipcrm -q %d", r.ID),
		}
		if diff := cmp.Diff(want, p.Lines()[:5]); diff != "" {
			t.Error(diff)
		}
		if p.Live() != 1 {
			t.Error("a queue whose last sender lives asks for its id")
		}
		// The plan showed the queue in use: more traffic does not refuse the removal.
		m.ok(m.admin.MsgSend(int(r.ID), 1, nil, sysv.IPCNoWait))
		if diff := cmp.Diff([]string{"done " + r.String() + ": removed"}, m.run(p)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAQueueShownIdleIsRefusedAfterTraffic(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		r := m.msg(sysv.KeyPrivate)
		p := m.removal(r)
		if p.Live() != 0 {
			t.Fatalf("an unused queue asks for its id: %q", p.Lines())
		}
		m.ok(m.admin.MsgSend(int(r.ID), 1, []byte("x"), sysv.IPCNoWait))
		m.refused(p, r, "changed since it was shown: msgs was 0, is 1, usedbytes was 0, is 1, ")
	})
}

func TestASetWithAWaiterIsLive(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		r := m.sem(0x42, 2)
		idle := m.removal(r)
		if idle.Live() != 0 {
			t.Fatalf("an unused set asks for its id: %q", idle.Lines())
		}
		w := kerneltest.Start(t, "semop", fmt.Sprint(r.ID))
		kerneltest.Eventually(t, "the worker blocks", func() bool {
			n, _, err := m.host.SemWaiters(int(r.ID), 2)
			return err == nil && n == 1
		})
		want := []string{"refused " + r.String() + ": changed since it was shown: blocked was 0, is 1: " +
			"look at it again"}
		if diff := cmp.Diff(want, m.run(idle)); diff != "" {
			t.Error(diff)
		}
		p := m.removal(r)
		if p.Live() != 1 {
			t.Errorf("a set with a waiter asks for its id: %q", p.Lines())
		}
		if diff := cmp.Diff([]string{"done " + r.String() + ": removed"}, m.run(p)); diff != "" {
			t.Error(diff)
		}
		if got := strings.Join(w.Read(), " "); !strings.Contains(got, "identifier removed") {
			t.Errorf("the waiter got %q, want EIDRM", got)
		}
	})
}

func TestWhatCannotBeRemovedIsRefusedWithTheWayOut(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		pipe := schema.Ref{Kind: schema.Pipe, ID: 8841}
		elsewhere := schema.Ref{Kind: schema.Shm, ID: 1, Space: 4}
		gone := schema.Ref{Kind: schema.Msg, ID: 77}
		lock, timer := schema.Ref{Kind: schema.Lock, Space: schema.MakeDev(8, 1), Name: "12/flock/34/0-EOF"},
			schema.Ref{Kind: schema.TimerFD, Name: "34/7"}
		p := m.removal(pipe, elsewhere, gone, lock, timer)
		want := []Refusal{
			{pipe, "a pipe goes away when its last holder closes it: end its holders with ipctop signal TERM --to " +
				"holders pipe:8841"},
			{elsewhere, "no process, descriptor or mount that can be seen from here leads to its IPC namespace 4"},
			{gone, "it is gone: no message queue has id 77"},
			{lock, "a lock goes away when its holder gives it up or ends: ipctop signal TERM --to holders " +
				"lock:12/flock/34/0-EOF@8:1"},
			{timer, "it goes away when its last holder closes it: end its holders with ipctop signal TERM --to " +
				"holders timerfd:34/7"},
		}
		if diff := cmp.Diff(want, p.Refused); diff != "" {
			t.Error(diff)
		}
		if len(p.Steps) != 0 || len(m.run(p)) != 0 {
			t.Errorf("steps %v", p.Steps)
		}
		if _, err := os.Stat(m.state + "/ipctop"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("nothing was done, but the journal was made: %v", err)
		}
	})
}

func TestReadOnlyPlansNothing(t *testing.T) {
	host, err := kernel.Open("")
	if err != nil {
		t.Fatal(err)
	}
	p := NewPlanner(Options{Host: host, ReadOnly: true})
	if _, err := p.Remove(nil); !errors.Is(err, ErrReadOnly) {
		t.Errorf("Remove: %v", err)
	}
	if _, err := p.Signal(Signal{}, nil, Holders); !errors.Is(err, ErrReadOnly) {
		t.Errorf("Signal: %v", err)
	}
}

func TestReadOnlyByTheEnvironment(t *testing.T) {
	for value, want := range map[string]bool{"": false, "0": false, " 0 ": false, "false": false, "No": false,
		"OFF": false, " ": false,
		"1": true, " 1": true, "2": true, "true": true, "TRUE": true, "yes": true, "on": true, "00": true,
		"nope": true} {
		getenv := func(name string) string { return map[string]string{"IPCTOP_READONLY": value}[name] }
		if got := ReadOnly(getenv); got != want {
			t.Errorf("IPCTOP_READONLY=%q: %v, want %v", value, got, want)
		}
	}
}

// The note counts the unreadable processes of all users.
func TestUnseenProcesses(t *testing.T) {
	s := &survey{snap: &collect.Snapshot{Faults: []schema.Fault{
		{Source: "fd", Count: 9}, {Source: "fd", Denied: true, Count: 3}, {Source: "maps", Denied: true, Count: 4},
	}}}
	got := []string{s.unseen("fd"), s.unseen("fd", "maps"), s.unseen("syscall")}
	want := []string{"processes that could not be looked into (3)", "processes that could not be looked into (4)",
		"processes that could not be looked into"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestATreeOfFilesIsNotActedOn(t *testing.T) {
	root := t.TempDir()
	if err := os.Mkdir(root+"/proc", 0o755); err != nil {
		t.Fatal(err)
	}
	host, err := kernel.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewPlanner(Options{Host: host}).Remove(nil); !errors.Is(err, sys.ErrNotLive) {
		t.Errorf("Remove: %v", err)
	}
}

func TestForeignObjectsAreRefusedBeforehand(t *testing.T) {
	needRoot(t)
	kerneltest.InNamespace(t, func() {
		m := live(t)
		for _, r := range []schema.Ref{m.shm(sysv.KeyPrivate, 1), m.msg(sysv.KeyPrivate), m.sem(sysv.KeyPrivate, 1)} {
			w := kerneltest.StartAs(t, &syscall.Credential{Uid: 1000, Gid: 1000}, "plan", string(r.Kind),
				fmt.Sprint(r.ID), fmt.Sprint(r.Gen))
			want := r.String() + ": permission denied: it belongs to root: needs root or the owner"
			if got := strings.Join(w.Words, " "); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		}
	})
}

func TestWhatTheKernelForbidsIsRefused(t *testing.T) {
	needRoot(t)
	kerneltest.InNamespace(t, func() {
		m := live(t)
		r := m.shm(sysv.KeyPrivate, 1)
		w := kerneltest.StartAs(t, &syscall.Credential{Uid: 1000, Gid: 1000}, "force", fmt.Sprint(r.ID))
		want := fmt.Sprintf("refused %s: permission denied: only its owner, its creator or root may do that (remove "+
			"shared memory segment %d: operation not permitted)", r, r.ID)
		if got := strings.Join(w.Words, " "); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}
