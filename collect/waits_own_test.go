package collect

import (
	"cmp"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/collect/waits"
)

// builtOwn is testdata/own.c. It is a C program, because a Go program handles signals and has a thread that never
// stops.
func builtOwn(t *testing.T) (program string) {
	t.Helper()
	gcc, err := exec.LookPath("gcc")
	if err != nil {
		t.Skip("needs gcc, to build a program without signal handlers: ", err)
	}
	program = filepath.Join(t.TempDir(), "own")
	if out, err := exec.Command(gcc, "-pthread", "-o", program, "testdata/own.c").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return program
}

// ownLook is what a snapshot shows of the processes of a program: a line for each thread in the graph of waits, with
// its process and thread by number, and then the findings.
func ownLook(c *Collector, group int) (lines, advice string) {
	snap := c.Take(Request{Want: map[schema.Kind]schema.Need{schema.Wait: 0}, Findings: true})
	pids := map[schema.Ref]bool{}
	var rows []*waits.Row
	for _, o := range snap.Objects[schema.Wait] {
		if r := o.Row.(*waits.Row); r.Task.Comm == "own" {
			if pgid, err := syscall.Getpgid(int(r.Task.Proc.ID)); err == nil && pgid == group {
				rows, pids[r.Task.Proc] = append(rows, r), true
			}
		}
	}
	slices.SortFunc(rows, func(a, b *waits.Row) int {
		return cmp.Or(schema.CompareRefs(a.Task.Proc, b.Task.Proc), cmp.Compare(a.Task.TID, b.Task.TID))
	})
	var b strings.Builder
	for i, r := range rows {
		role := map[bool]string{true: "parent", false: "child"}[int(r.Task.Proc.ID) == group]
		if i > 0 && rows[i-1].Task.Proc == r.Task.Proc {
			role = "  thread"
		}
		fmt.Fprintln(&b, role, r.Status)
	}
	for _, f := range snap.Findings {
		if slices.ContainsFunc(f.Refs, func(ref schema.Ref) bool { return pids[ref] }) {
			fmt.Fprintln(&b, f.Severity, f.Proof, f.Kind)
			advice = f.Advice
		}
	}
	return b.String(), advice
}

// startOwn starts testdata/own.c in a process group of its own.
func startOwn(t *testing.T, program, args string) (group int) {
	t.Helper()
	cmd := exec.Command(program, strings.Fields(args)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		cmd.Wait()
	})
	return cmd.Process.Pid
}

// A thread waits for a futex of its own memory. It is stuck if no other thread of the process goes on.
func TestWaitsForOwnMemory(t *testing.T) {
	const stuck, likely = "parent stuck\n", "warning inferred stuck\n"
	kerneltest.InNamespace(t, func() {
		program := builtOwn(t)
		host, err := kernel.Open("")
		if err != nil {
			t.Fatal(err)
		}
		for _, test := range []struct{ args, want string }{
			{"semaphore", stuck + likely},
			{"pool", stuck + "  thread stuck\n  thread stuck\n" + likely},
			{"poster", "parent hangs\n  thread stuck\n" + likely},
			{"poster idle", "parent hangs\n  thread hangs\n  thread stuck\n" + likely},
			{"owner-ended", stuck + likely},
			{"two-lockers", stuck + "  thread stuck\n" + likely},
			{"forked", "parent hangs\nchild stuck\n" + likely},
			{"queue", "parent deadlock\nchild deadlock\n  thread deadlock\nwarning inferred deadlock\n"},
			{"queue interrupt", "parent deadlock\nchild deadlock\n  thread deadlock\nwarning inferred deadlock\n"},

			// The handler's own signal is blocked while it runs. Another thread may take the signal.
			{"handler-locks", "parent deadlock\ncritical observed deadlock\n"},
			{"handler-locks sleeper", "parent open\n"},

			{"semaphore handler", "parent open\n"},
			{"semaphore interrupt", "parent open\n"},
			{"semaphore alarm", "parent open\n"},
			{"semaphore timed", "parent waits\n  thread timed\n"},
			{"semaphore traced", "parent open\n"},
			{"pool sleeper", "parent waits\n  thread runs\n  thread waits\n  thread waits\n"},
			{"poster handler", "parent waits\n  thread waits\n"},
			{"owner-ended sleeper", "parent waits\n  thread runs\n"},
			{"queue sleeper", "parent waits\n  thread runs\nchild waits\n  thread waits\n"},
		} {
			t.Run(test.args, func(t *testing.T) { eventuallyOwn(t, host, program, test.args, test.want) })
		}
	})
}

// A program waits for what only it could give. It is stuck, unless a handler, a time limit, a tracer or a free thread
// could wake it.
func TestWaitsForOneself(t *testing.T) {
	const stuck = "parent stuck\nwarning inferred stuck\n"
	const circle = "parent deadlock\nchild deadlock\ncritical inferred deadlock\n"
	kerneltest.InNamespace(t, func() {
		program := builtOwn(t)
		host, err := kernel.Open("")
		if err != nil {
			t.Fatal(err)
		}
		for _, test := range []struct{ args, want string }{
			{"read", stuck},
			{"write", stuck},
			{"poll", stuck},
			{"splice", stuck},
			{"socket", stuck},
			{"fifo", stuck},
			{"read fault", stuck},
			{"child", "parent hangs\nchild stuck\nwarning inferred stuck\n"},
			{"two-threads", "parent stuck\n  thread stuck\nwarning inferred stuck\nwarning inferred stuck\n"},
			{"joined", "parent hangs\n  thread stuck\nwarning inferred stuck\n"},

			{"vfork", circle},
			{"terminal-both", circle},
			{"terminal-waited", circle},

			{"connect-unix", circle},
			{"connect-unix-free", "parent runs\nchild waits\n"},
			{"connect-tcp", "parent waits\nchild timed\n"}, // the kernel gives up after some minutes

			{"vfork sleeper", "parent waits\n  thread runs\nchild waits\n"},
			{"terminal-kept", "parent runs\nchild waits\n"},
			{"terminal-waited sleeper", "parent waits\n  thread runs\nchild waits\n"},
			{"read handler", "parent open\n"},
			{"read interrupt", "parent open\n"},
			{"read alarm", "parent open\n"},
			{"read sleeper", "parent waits\n  thread runs\n"},
			{"read timed", "parent waits\n  thread timed\n"},
			{"read traced", "parent open\n"},
			{"poll-timed", "parent timed\n"},
			{"joined handler", "parent waits\n  thread waits\n"},
			{"joined sleeper", "parent waits\n  thread runs\n  thread waits\n"},
			{"child handler", "parent waits\nchild open\n"},
		} {
			t.Run(test.args, func(t *testing.T) { eventuallyOwn(t, host, program, test.args, test.want) })
		}
	})
}

// eventuallyOwn starts the program and waits until it looks like this. It must stay so.
func eventuallyOwn(t *testing.T, host *kernel.Host, program, args, want string) (advice string) {
	t.Helper()
	c, group := New(host, time.Now), startOwn(t, program, args)
	same := 0
	kerneltest.EventuallySame(t, func() string {
		var got string
		got, advice = ownLook(c, group)
		for _, bad := range []relate.Status{relate.StatusStuck, relate.StatusDeadlock, relate.StatusHangs} {
			if !strings.Contains(want, string(bad)) && strings.Contains(got, string(bad)) {
				t.Fatalf("called %s:\n%s", bad, got)
			}
		}
		if got != want {
			same = 0
		} else if same++; same < 3 {
			return "once more"
		}
		return gocmp.Diff(want, got)
	})
	return advice
}

// The advice names the descriptor that the program forgot to close.
func TestWaitsForAForgottenEnd(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		program := builtOwn(t)
		host, err := kernel.Open("")
		if err != nil {
			t.Fatal(err)
		}
		advice := eventuallyOwn(t, host, program, "child", "parent hangs\nchild stuck\nwarning inferred stuck\n")
		end := regexp.MustCompile(`^fd [0-9]+ of [0-9]+/own keeps pipe:[0-9]+ open, and nobody else has it`)
		if !end.MatchString(advice) {
			t.Errorf("the advice does not name the end: %s", advice)
		}
	})
}
