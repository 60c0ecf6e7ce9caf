package collect

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/undo"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/schema"
)

// stage is a running play, and a Collector that looks at it again and again.
type stage struct {
	testing.TB
	worker    *kerneltest.Worker
	collector *Collector
	pids      map[string]int // pids of the actors, by name
	names     map[int]string
}

// perform begins a play.
func perform(t testing.TB, play string, args ...string) *stage {
	t.Helper()
	host, err := kernel.Open("")
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{TB: t, worker: kerneltest.Start(t, "play", append([]string{play}, args...)...),
		collector: New(host, time.Now), pids: map[string]int{},
		names: map[int]string{}}
	for _, word := range s.worker.Words {
		name, pid, _ := strings.Cut(word, "=")
		n, err := strconv.Atoi(pid)
		if err != nil {
			t.Fatal(err)
		}
		s.pids[name], s.names[n] = n, name
	}
	return s
}

// look is what a snapshot shows of the play. First comes the forest: the actor and the status of each thread, indented
// below its parent. Then come the findings with kind, severity, proof, and the actors in them.
func (s *stage) look() string {
	s.Helper()
	snap := s.collector.Take(Request{Want: map[schema.Kind]schema.Need{schema.Wait: 0}, Edges: true, Findings: true})
	var m *kinds.Mechanism
	for _, n := range s.collector.mechanisms {
		if n.Kind == schema.Wait {
			m = n
		}
	}
	cell := func(o *schema.Object, id string) schema.Value {
		c, ok := m.Column(id)
		if !ok {
			s.Fatalf("no column %q", id)
		}
		return c.Get(o)
	}
	depth := map[schema.Ref]int{}
	var b strings.Builder
	for _, o := range snap.Objects[schema.Wait] {
		pid, parent := cell(o, "pid").Int(), m.Parent(o)
		if d, ok := depth[parent]; ok {
			depth[o.Ref] = d + 1
		} else if depth[o.Ref] = 0; !parent.IsZero() {
			s.Errorf("%v comes before its parent %v", o.Ref, parent)
		}
		if name := s.names[int(pid)]; name != "" && s.plays(o, cell) {
			fmt.Fprintf(&b, "%s%s %s\n", strings.Repeat("  ", depth[o.Ref]), name, cell(o, "status").Str())
		}
	}
	for _, f := range snap.Findings {
		var actors []string
		for _, r := range f.Refs {
			if name := s.names[int(r.ID)]; r.Kind == schema.Proc && name != "" {
				actors = append(actors, name)
			}
		}
		if slices.Sort(actors); len(actors) > 0 {
			fmt.Fprintf(&b, "%s %s %s: %s\n", f.Severity, f.Proof, f.Kind, strings.Join(actors, " "))
		}
		if f.Says == "" || f.Advice == "" || len(f.Evidence) == 0 {
			s.Errorf("a finding says too little: %+v", f)
		}
	}
	return b.String()
}

// plays is false for the other threads of a Go program that is an actor.
func (s *stage) plays(o *schema.Object, cell func(*schema.Object, string) schema.Value) bool {
	pid, tid := cell(o, "pid").Int(), cell(o, "tid").Int()
	return pid == tid || cell(o, "call").Str() == "flock"
}

// shows waits until the play looks like this, and then looks once more: it must stay so. A play that is no deadlock
// must never be called one, not even for a moment.
func (s *stage) shows(want string) {
	s.Helper()
	got := ""
	defer func() {
		if s.Failed() {
			s.Logf("(-want +got):\n%s", gocmp.Diff(want, got))
		}
	}()
	end := time.Now().Add(kerneltest.Patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for same := 0; same < 4; <-tick.C {
		switch got = s.look(); {
		case got == want:
			same++
		case same > 0:
			s.Fatalf("does not stay as it was")
		case time.Now().After(end):
			s.Fatalf("not within %v", kerneltest.Patience)
		}
		for _, word := range []string{"deadlock", "stuck"} {
			if strings.Contains(got, word) && !strings.Contains(want, word) {
				s.Fatalf("called %s", word)
			}
		}
	}
}

func TestWaitsLive(t *testing.T) {
	for _, test := range []struct{ play, want string }{
		// Without SEM_UNDO the kernel keeps only the process that changed a semaphore last.
		{"semaphores", `
a deadlock
  b deadlock
critical inferred deadlock: a b
`},
		{"semaphores-timed", `
b timed
  a waits
`},
		{"semaphores-undo-timed", `
b timed
  a waits
`},
		{"semaphore-holder-died", `
b stuck
warning inferred stuck: b
`},
		{"semaphore-undone", ``},
		{"flocks", `
a deadlock
  b deadlock
critical inferred deadlock: a b
`},
		{"flocks-hanger-on", `
a deadlock
  b deadlock
  c hangs
    d hangs
critical inferred deadlock: a b
`},
		{"mutex-dead-owner", `
b stuck
  c hangs
warning inferred stuck: b
`},
		{"queues", `
a open
b open
`},
		{"ofd-locks", `
a deadlock
  b deadlock
critical inferred deadlock: a b
`},
		{"flocks-other-holder", `
c runs
  a waits
    b waits
`},
		// Processes outside of this pid namespace may have an end of the pipe.
		{"flock-and-pipe", `
a deadlock
  b deadlock
critical inferred deadlock: a b
`},
		{"flock-and-pipe-writer", `
c runs
  a waits
    b waits
`},
		{"fcntl-and-sleeper", `
a runs
  b waits
`},
		// Processes outside of this pid namespace may map the memory.
		{"mutexes", `
a deadlock
  b deadlock
critical inferred deadlock: a b
`},
		{"mutexes-timed", `
b timed
  a waits
`},
		{"pipes", `
a deadlock
  c deadlock
    b deadlock
critical inferred deadlock: a b c
`},
		{"pipes-other-writer", `
d runs
  a waits
    c waits
      b waits
`},
		{"pipes-timed", `
b timed
  a waits
    c waits
`},
		{"full-pipe", `
b runs
  a waits
`},
		{"child", `
a deadlock
  b deadlock
critical observed deadlock: a b
`},
	} {
		t.Run(test.play, func(t *testing.T) {
			kerneltest.InNamespace(t, func() {
				perform(t, test.play).shows(strings.TrimPrefix(test.want, "\n"))
			})
		})
	}
}

// The kernel shows SEM_UNDO only to those who may load BPF programs.
func TestWaitsOfUndo(t *testing.T) {
	for _, test := range []struct{ play, want string }{
		{"semaphores-undo", `
a deadlock
  b deadlock
critical %s deadlock: a b
`},
		{"fcntl-and-semaphore", `
a deadlock
  b deadlock
critical %s deadlock: a b
`},
	} {
		t.Run(test.play, func(t *testing.T) {
			kerneltest.InNamespace(t, func() {
				perform(t, test.play).shows(fmt.Sprintf(strings.TrimPrefix(test.want, "\n"), undoProof(t)))
			})
		})
	}
}

// undoProof is the proof for the holders of a semaphore on this machine.
func undoProof(t *testing.T) schema.Proof {
	host, err := kernel.Open("")
	if err != nil {
		t.Fatal(err)
	}
	r, err := undo.Open(host.Root)
	if err != nil {
		return schema.Inferred
	}
	r.Close()
	return schema.Observed
}

// A process with a running thread is not stuck, even if all its other threads wait.
func TestWaitsOfAProcessThatRuns(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := perform(t, "flocks-other-thread")
		kerneltest.Eventually(t, "both to wait for each other's lock", func() bool {
			got := s.look()
			if strings.Contains(got, "deadlock") {
				t.Fatalf("called a deadlock:\n%s", got)
			}
			return strings.Contains(got, "a waits\n") && strings.Contains(got, "b waits\n")
		})
	})
}

// Processes that work for each other look like a deadlock in many samples, because their threads are read one after the
// other. A process that has run between two samples is in no deadlock.
func TestWaitsOfARelay(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := perform(t, "relay")
		for n := range 150 {
			if got := s.look(); strings.Contains(got, "deadlock") || strings.Contains(got, "stuck") {
				t.Fatalf("look %d:\n%s", n, got)
			}
		}
	})
}

// A lock of a stopped process is no deadlock. The waiter goes on when the process does.
func TestWaitsForAStoppedProcess(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := perform(t, "fcntl-and-sleeper")
		s.shows("a runs\n  b waits\n")
		if err := unix.Kill(s.pids["a"], unix.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		s.shows("a stopped\n  b stopped\nwarning observed stopped: a b\n")
		if err := unix.Kill(s.pids["a"], unix.SIGCONT); err != nil {
			t.Fatal(err)
		}
		kerneltest.Eventually(t, "a to go on", func() bool { return !strings.Contains(s.look(), "stopped") })
	})
}

// A ring with a stopped member is no deadlock. The member may give up its wait when it goes on.
func TestWaitsInARingWithAStoppedProcess(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := perform(t, "flocks")
		s.shows("a deadlock\n  b deadlock\ncritical inferred deadlock: a b\n")
		if err := unix.Kill(s.pids["b"], unix.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		kerneltest.Eventually(t, "b to be stopped", func() bool { return !strings.Contains(s.look(), "deadlock") })
		s.shows("b stopped\n  a stopped\nwarning inferred stopped: a b\n")
	})
}

// A deadlock that lost a member is no deadlock any more. A deadlock that was seen only once is not reported.
func TestWaitsOfABrokenDeadlock(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := perform(t, "flocks")
		s.shows("a deadlock\n  b deadlock\ncritical inferred deadlock: a b\n")
		if err := unix.Kill(s.pids["b"], unix.SIGKILL); err != nil {
			t.Fatal(err)
		}
		kerneltest.Eventually(t, "b to be gone", func() bool { return s.look() == "" })
		s.shows("")
	})
}

// A reader who may not look into the processes calls nothing stuck.
func TestWaitsOfForeignProcesses(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: an ordinary user's namespace holds one uid only")
	}
	kerneltest.InNamespace(t, func() {
		for _, play := range []string{"semaphores", "semaphores-undo", "flocks", "flock-and-pipe", "mutexes", "pipes",
			"child"} {
			s := perform(t, play)
			kerneltest.Eventually(t, play+" is a deadlock to root",
				func() bool { return strings.Contains(s.look(), "critical") })
			w := kerneltest.StartAs(t, &syscall.Credential{Uid: 1000, Gid: 1000}, "look-for-stuck")
			if got := strings.Join(w.Words, " "); got != "nothing" {
				t.Errorf("%s: an ordinary user is told %s", play, got)
			}
			s.worker.Kill()
		}
	})
}

// workLookForStuck prints the findings of two snapshots, because the second has to confirm the first.
func workLookForStuck(j *kerneltest.Job) {
	host, err := kernel.Open("")
	j.Check(err)
	c := New(host, time.Now)
	words := []any{}
	for range 3 {
		for _, f := range c.Take(Request{Want: map[schema.Kind]schema.Need{schema.Wait: 0}, Findings: true}).Findings {
			words = append(words, strings.ReplaceAll(f.Says, "\n", " "))
		}
	}
	if len(words) == 0 {
		words = append(words, "nothing")
	}
	j.Ready(words...)
}
