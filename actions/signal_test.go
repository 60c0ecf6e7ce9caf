package actions

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

func (m *machine) signal(text string, to Side, refs ...schema.Ref) *Plan {
	m.t.Helper()
	sig, err := ParseSignal(text)
	m.ok(err)
	p, err := m.Signal(sig, refs, to)
	m.ok(err)
	return p
}

func TestAProcessIsSignalled(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		w := kerneltest.Start(t, "sleep")
		r := m.proc(w.PID)
		stat, err := proc.StatOf(m.host, w.PID)
		m.ok(err)
		p := m.signal("term", Holders, r, r)
		name := processName(stat.Comm, w.PID)
		want := []string{
			"Send SIGTERM to 1 process",
			fmt.Sprintf("proc:%d: SIGTERM (15) to %s of %s: asks it to end; it handles this signal itself", w.PID, name,
				ownName()),
			fmt.Sprintf("  same as: kill -TERM %d", w.PID),
			"note: a signal cannot be undone",
		}
		if diff := cmp.Diff(want, p.Lines()); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"done " + r.String() + ": SIGTERM sent to " + name}, m.run(p)); diff != "" {
			t.Error(diff)
		}
		kerneltest.Eventually(t, "the process ends", func() bool {
			now, err := proc.StatOf(m.host, w.PID)
			return err != nil || now.State == 'Z'
		})
	})
}

// A process whose first thread has ended lives, and takes signals.
func TestAProcessWithoutItsFirstThreadIsSignalled(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		w := kerneltest.Start(t, "headless")
		kerneltest.Eventually(t, "its first thread has ended", func() bool {
			text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", w.PID))
			return err == nil && strings.Contains(string(text), ") Z ")
		})
		r := m.proc(w.PID)
		p := m.signal("stop", Holders, r)
		want := []string{"done " + r.String() + ": SIGSTOP sent to " + processName(m.stat(w.PID).Comm, w.PID)}
		if diff := cmp.Diff(want, m.run(p)); diff != "" {
			t.Error(diff)
		}
		kerneltest.Eventually(t, "the process stops", func() bool { return m.stat(w.PID).State == 'T' })
		m.run(m.signal("kill", Holders, r))
		kerneltest.Eventually(t, "the process ends", func() bool { return m.stat(w.PID).State == 'Z' })
	})
}

func (m *machine) stat(pid int) process.ProcStat {
	m.t.Helper()
	stat, err := proc.StatOf(m.host, pid)
	m.ok(err)
	return stat
}

func TestSignalsThatHaveNoEffectAtOnceSaySo(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		w := kerneltest.Start(t, "deaf")
		r := m.proc(w.PID)
		says := func(sig string) string {
			_, after, _ := strings.Cut(m.signal(sig, Holders, r).Steps[0].Says, ": ")
			return after
		}
		if got := says("TERM"); got != "asks it to end; but it ignores this signal" {
			t.Errorf("TERM: %s", got)
		}
		m.run(m.signal("STOP", Holders, r))
		kerneltest.Eventually(t, "it stops", func() bool {
			stat, err := proc.StatOf(m.host, w.PID)
			return err == nil && stat.State == 'T'
		})
		if got := says("TERM"); got != "asks it to end; but it ignores this signal; it is stopped (T) and takes the "+
			"signal when it is continued" {
			t.Errorf("TERM to a stopped process: %s", got)
		}
		if got := says("KILL"); strings.Contains(got, "; but") || strings.Contains(got, "stopped") {
			t.Errorf("KILL cannot be ignored or held back: %s", got)
		}
	})
}

func TestAReusedPIDIsNotSignalled(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		w := kerneltest.Start(t, "sleep")
		r := m.proc(w.PID)
		p := m.signal("KILL", Holders, r)
		w.Kill()
		// Start times have a unit of 10 ms: wait until a new process has another start time.
		kerneltest.Eventually(t, "a later start time", func() bool {
			x := kerneltest.Start(t, "sleep")
			defer x.Kill()
			return m.proc(x.PID).Gen != r.Gen
		})
		// man 7 pid_namespaces: the next process gets the next pid.
		m.ok(os.WriteFile("/proc/sys/kernel/ns_last_pid", []byte(fmt.Sprint(w.PID-1)), 0o644))
		var other *kerneltest.Worker
		kerneltest.Eventually(t, "the pid is used again", func() bool {
			other = kerneltest.Start(t, "sleep")
			if other.PID != w.PID {
				other.Kill()
				m.ok(os.WriteFile("/proc/sys/kernel/ns_last_pid", []byte(fmt.Sprint(w.PID-1)), 0o644))
			}
			return other.PID == w.PID
		})
		want := []string{"refused " + r.String() + ": it has ended meanwhile"}
		if diff := cmp.Diff(want, m.run(p)); diff != "" {
			t.Error(diff)
		}
		if stat, err := proc.StatOf(m.host, other.PID); err != nil || stat.State == 'Z' {
			t.Errorf("the other process: %c, %v: want it alive", stat.State, err)
		}
		if p := m.signal("KILL", Holders, r); len(p.Steps) != 0 || len(p.Refused) != 1 {
			t.Errorf("planned %q", p.Lines())
		}
	})
}

func TestProcessesThatAreNotSignalled(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		w := kerneltest.Start(t, "zombie")
		var zombie int
		_, err := fmt.Sscan(w.Words[0], &zombie)
		m.ok(err)
		kerneltest.Eventually(t, "the child ends", func() bool {
			stat, err := proc.StatOf(m.host, zombie)
			return err == nil && stat.State == 'Z'
		})
		parent, err := proc.StatOf(m.host, w.PID)
		m.ok(err)
		refs := []schema.Ref{m.proc(1), m.proc(os.Getpid()), m.proc(zombie), {Kind: schema.Proc, ID: 4_000_000}}
		p := m.signal("TERM", Holders, refs...)
		want := []Refusal{
			{refs[0], "pid 1 is not signalled from here: the machine, or the container, hangs on it"},
			{refs[1], "it is ipctop itself"},
			{refs[2], fmt.Sprintf("it is a zombie: it has ended already and waits for its parent %s to collect it: "+
				"signal the parent, proc:%d", processName(parent.Comm, w.PID), w.PID)},
			{refs[3], "it is gone: open /proc/4000000: no such file or directory"},
		}
		if diff := cmp.Diff(want, p.Refused); diff != "" {
			t.Error(diff)
		}
		if len(p.Steps) != 0 {
			t.Errorf("steps: %q", p.Lines())
		}
	})
}

func TestAKernelThreadIsNotSignalled(t *testing.T) {
	const pfKthread = 0x00200000 // include/linux/sched.h
	m := live(t)
	err := (&signalling{survey: &survey{Planner: m.Planner}}).mayBeSignalled(nil, process.ProcStat{PID: 2,
		Comm: "kthreadd", State: 'S', Flags: pfKthread})
	if err == nil || err.Error() != "it is a kernel thread, which takes no signals" {
		t.Errorf("got %v", err)
	}
}

func TestOurOwnAncestorsAskForTheirPID(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		us := fmt.Sprint(os.Getpid())
		w := kerneltest.Start(t, "plan", us)
		if diff := cmp.Diff([]string{"confirm", us}, w.Words); diff != "" {
			t.Error(diff)
		}
	})
}

func TestTheCreatorOfASegmentIsSignalled(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		r := m.shm(sysv.KeyPrivate, 1)
		queue := m.msg(sysv.KeyPrivate)
		_ = queue
		s := &signalling{survey: m.survey(&Plan{}, nil, nil), via: map[schema.Ref][]string{},
			roles: map[schema.Ref][]role{}}
		got, err := s.creator(r)
		m.ok(err)
		if diff := cmp.Diff([]schema.Ref{m.proc(os.Getpid())}, got); diff != "" {
			t.Error(diff)
		}
		if _, err := s.creator(queue); err == nil {
			t.Error("the kernel does not know who made a queue")
		}
	})
}

func TestReadersOfAPipeAreSignalled(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		w := kerneltest.Start(t, "sleep") // its stdin and stdout are pipes to the test
		ino := inode(t, fmt.Sprintf("/proc/%d/fd/0", w.PID))
		r := schema.Ref{Kind: schema.Pipe, ID: ino}
		p := m.signal("HUP", Readers, r)
		if len(p.Steps) != 1 || p.Steps[0].Ref != m.proc(w.PID) {
			t.Fatalf("planned %q", p.Lines())
		}
		if diff := cmp.Diff([]string{fmt.Sprintf("it is a reader of %s (fd 0, r)", r)},
			p.Steps[0].Affected); diff != "" {
			t.Error(diff)
		}
		// The holders are the worker and the test itself. The test is refused.
		p = m.signal("HUP", Holders, r)
		want := []Refusal{{m.proc(os.Getpid()), "it is ipctop itself"}}
		if diff := cmp.Diff(want, p.Refused); diff != "" || len(p.Steps) != 1 {
			t.Errorf("planned %q\n%s", p.Lines(), diff)
		}
		p = m.signal("HUP", Creator, r)
		want = []Refusal{{r, "the kernel does not keep who made it: only shm has a creator"}}
		if diff := cmp.Diff(want, p.Refused); diff != "" {
			t.Error(diff)
		}
	})
}

func inode(t *testing.T, path string) uint64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Ino
}

func TestSignalsOfAnotherUserAreRefusedBeforehand(t *testing.T) {
	needRoot(t)
	kerneltest.InNamespace(t, func() {
		r := kerneltest.Start(t, "sleep")
		w := kerneltest.StartAs(t, &syscall.Credential{Uid: 1000, Gid: 1000}, "plan", fmt.Sprint(r.PID))
		want := fmt.Sprintf("proc:%d: permission denied: it is a process of %s: needs root or that user", r.PID,
			ownName())
		if got := strings.Join(w.Words, " "); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestParseSignal(t *testing.T) {
	for text, want := range map[string]struct {
		number int
		name   string
	}{
		"TERM": {15, "TERM"}, "sigterm": {15, "TERM"}, "15": {15, "TERM"}, "SIGKILL": {9, "KILL"},
		"rtmin":   {34, "RTMIN"},
		"RTMIN+3": {37, "RTMIN+3"}, "SIGRTMAX-1": {63, "RTMAX-1"}, "64": {64, "RTMAX"}, "RTMIN+30": {64, "RTMAX"},
		"POLL": {29, "IO"}, "iot": {6, "ABRT"},
	} {
		got, err := ParseSignal(text)
		if err != nil || int(got.Number) != want.number || got.Name != want.name {
			t.Errorf("%s: %d %s, %v; want %v", text, got.Number, got.Name, err, want)
		}
	}
	for _, text := range []string{"", "SIG", "0", "-1", "65", "32", "TERMX", "RTMIN+31", "RTMAX-31", "RTMIN+",
		"RTMIN+-1", "999999999999", "15x"} {
		if got, err := ParseSignal(text); !errors.Is(err, ErrSignal) {
			t.Errorf("%q: %v, %v; want ErrSignal", text, got, err)
		}
	}
}

func FuzzParseSignal(f *testing.F) {
	f.Add("TERM")
	f.Add("RTMAX-3")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseSignal(text)
		if err == nil && (s.Number < 1 || s.Number > rtMax || s.Name == "") {
			t.Errorf("%q is %v", text, s)
		}
		if err != nil && !errors.Is(err, ErrSignal) {
			t.Errorf("%q: %v", text, err)
		}
	})
}
