package actions

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// bare starts a process named "bare" that sleeps in a read until it is killed.
func bare(t *testing.T) (pid int) {
	t.Helper()
	var fds [2]int
	kerneltest.OK(t, unix.Pipe2(fds[:], unix.O_CLOEXEC))
	defer unix.Close(fds[0])
	pid, err := kernel.NewAdmin().StartBare(new(process.Script).Name("bare").Read(fds[0]))
	kerneltest.OK(t, err)
	t.Cleanup(func() { unix.Close(fds[1]) })
	kerneltest.Eventually(t, "the process has its name", func() bool {
		name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
		return err == nil && string(name) == "bare\n"
	})
	return pid
}

// end kills and reaps a child.
func end(pid int) {
	unix.Kill(pid, unix.SIGKILL)
	unix.Wait4(pid, nil, 0, nil)
}

// nextPID makes the kernel give this pid to the next process (man 7 pid_namespaces).
func nextPID(t *testing.T, pid int) {
	t.Helper()
	kerneltest.OK(t, os.WriteFile("/proc/sys/kernel/ns_last_pid", []byte(strconv.Itoa(pid-1)), 0o644))
}

// Start times have a unit of 10 ms. A process with the pid and the start time of the victim is still another one.
func TestAReusedPIDWithTheSameStartIsNotSignalled(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		kerneltest.Eventually(t, "a pid to be used again within one clock tick", func() bool {
			beginTick(t)
			a := bare(t)
			r := m.proc(a)
			p := m.signal("KILL", Holders, r)
			defer p.Close()
			end(a)
			nextPID(t, a)
			b := bare(t)
			defer end(b)
			if b != a || m.proc(b) != r {
				return false
			}
			m.refused(p, r, "it has ended meanwhile")
			if state := m.stat(b).State; state == 'Z' {
				t.Error("the other process was killed")
			}
			return true
		})
	})
}

// beginTick waits for the beginning of a clock tick.
func beginTick(t *testing.T) {
	t.Helper()
	for {
		var now unix.Timespec
		kerneltest.OK(t, unix.ClockGettime(unix.CLOCK_BOOTTIME, &now))
		if now.Nano()%int64(time.Second/sys.ClockTick) < int64(time.Millisecond)/4 {
			return
		}
	}
}

// workExec becomes what each line names: "again" is this worker, anything else a program.
func workExec(j *kerneltest.Job) {
	j.Ready()
	var err error
	switch line := j.Wait(); line {
	case "again":
		err = syscall.Exec("/proc/self/exe", os.Args, os.Environ())
	default:
		err = syscall.Exec(line, []string{line, "1000"}, nil)
	}
	j.Check(err)
}

func TestAProcessThatRanAnotherProgramIsNotSignalled(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		sleep, err := filepath.EvalSymlinks("/bin/sleep")
		m.ok(err)
		w := kerneltest.Start(t, "exec")
		r, was := m.proc(w.PID), m.stat(w.PID).Comm
		p := m.signal("KILL", Holders, r)
		defer p.Close()
		w.Say("again")
		w.Read()
		m.refused(p, r, "changed since it was shown: it has started its program anew (execve): look at it again")

		self, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", w.PID))
		m.ok(err)
		p = m.signal("KILL", Holders, r)
		defer p.Close()
		w.Say(sleep)
		kerneltest.Eventually(t, "it sleeps", func() bool { return m.stat(w.PID).Comm == "sleep" })
		m.refused(p, r, fmt.Sprintf("changed since it was shown: its name was %s, is sleep, it ran %s, runs %s: "+
			"look at it again", was, self, sleep))
		if m.stat(w.PID).State == 'Z' {
			t.Error("it was killed")
		}
	})
}

// More processes than descriptors: the others are found again by their pids.
func TestManyProcessesAreSignalledWithFewDescriptors(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		var limit unix.Rlimit
		m.ok(unix.Getrlimit(unix.RLIMIT_NOFILE, &limit))
		open, err := os.ReadDir("/proc/self/fd")
		m.ok(err)
		m.ok(unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(len(open) + spareFDs + 1), Max: limit.Max}))
		defer unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)
		a, b, c := bare(t), bare(t), bare(t)
		defer end(a)
		defer end(b)
		p := m.signal("KILL", Holders, m.proc(a), m.proc(b), m.proc(c))
		defer p.Close()
		note := "the limit of open files (RLIMIT_NOFILE) leaves no room to hold all these processes: the others are " +
			"found again by pid and their "
		if len(p.Notes) != 2 || !strings.HasPrefix(p.Notes[0], note) {
			t.Errorf("notes %q", p.Notes)
		}
		end(c)
		nextPID(t, c)
		other := bare(t)
		defer end(other)
		got := m.run(p)
		if len(got) != 3 || !strings.HasPrefix(got[0], "done ") || !strings.HasPrefix(got[1], "done ") ||
			!strings.HasPrefix(got[2], "refused ") {
			t.Errorf("got %q", got)
		}
	})
}

// workBelow is the first process of a pid namespace below that of /proc. It has a child whose number here is that of
// the first argument in /proc. It signals both, and says the results.
func workBelow(j *kerneltest.Job) {
	number, err := strconv.Atoi(j.Args[0])
	j.Check(err)
	host, err := kernel.Open("")
	j.Check(err)
	p := NewPlanner(Options{Host: host, Now: time.Now, Journal: NewJournal(host, nil,
		func(string) string { return j.Args[1] }, time.Now)})
	var fds [2]int
	j.Check(unix.Pipe2(fds[:], unix.O_CLOEXEC))
	child := 0
	for tries := 0; child != number && tries < 50; tries++ {
		if child != 0 { // the runtime has started a thread, which took the number
			j.Check(unix.Kill(child, unix.SIGKILL))
			_, err = unix.Wait4(child, nil, 0, nil)
			j.Check(err)
		}
		j.Check(os.WriteFile("/proc/sys/kernel/ns_last_pid", []byte(strconv.Itoa(number-1)), 0o644))
		child, err = kernel.NewAdmin().StartBare(new(process.Script).Read(fds[0]))
		j.Check(err)
	}
	j.Ready(child == number)
	shown, err := strconv.Atoi(j.Wait()) // the number of the child in /proc
	j.Check(err)
	for _, pid := range []int{number, shown, process.SelfPID()} {
		stat, err := proc.StatOf(host, pid)
		j.Check(err)
		plan, err := p.Signal(Signal{Number: syscall.SIGKILL, Name: "KILL"}, []schema.Ref{proc.RefOf(&stat)}, Holders)
		j.Check(err)
		for _, r := range plan.Refused {
			j.Ready("refused", strings.ReplaceAll(r.Why, " ", "_"))
		}
		for _, s := range plan.Steps {
			j.Ready(strings.ReplaceAll(s.Equivalent, " ", "_"))
		}
		j.Check(plan.Run(context.Background(), func(r Result) { j.Ready(r.Outcome) }))
		plan.Close()
	}
	// shmctl tells the creator's number here. /proc has another process of that number.
	id, err := kernel.NewAdmin().ShmGet(sysv.KeyPrivate, 1, 0o600|sysv.IPCCreat)
	j.Check(err)
	seg, err := host.ShmStat(id)
	j.Check(err)
	plan, err := p.Signal(Signal{Number: syscall.SIGKILL, Name: "KILL"},
		[]schema.Ref{{Kind: schema.Shm, ID: uint64(id), Gen: uint64(seg.CTime)}}, Creator)
	j.Check(err)
	for _, r := range plan.Refused {
		j.Ready("refused", r.Ref.ID == uint64(process.SelfPID()), strings.ReplaceAll(r.Why, " ", "_"))
	}
	// No descriptor, memory or clock of another process is read by a number that /proc showed.
	_, fdErr := sys.DupFD(shown, 0)
	_, clockErr := process.CPUTime(shown)
	_, kcmpErr := process.SameFiles(shown, shown)
	j.Ready(sys.Denied(fdErr), sys.Denied(clockErr), sys.Denied(kcmpErr))
	_, err = unix.Wait4(child, nil, 0, nil)
	j.Check(err)
	j.Ready("reaped")
}

// /proc of another pid namespace shows other numbers than those that system calls take. The signal goes to the process
// that /proc shows, or to none.
func TestUnderAForeignProcTheShownProcessIsSignalled(t *testing.T) {
	needRoot(t)
	kerneltest.InNamespace(t, func() {
		m := live(t)
		a := bare(t)
		defer end(a)
		w := kerneltest.StartIn(t, unix.CLONE_NEWPID, "below", strconv.Itoa(a), t.TempDir())
		if diff := cmp.Diff([]string{"true"}, w.Words); diff != "" {
			t.Fatal(diff)
		}
		lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", w.PID)) // each thread has its own
		m.ok(err)
		var children []string
		for _, list := range lists {
			text, err := os.ReadFile(list)
			m.ok(err)
			children = append(children, strings.Fields(string(text))...)
		}
		w.Say(strings.Join(children, " "))
		var got []string
		for range 7 {
			got = append(got, strings.Join(w.Read(), " "))
		}
		want := []string{
			"refused it_is_outside_this_pid_namespace,_so_that_no_signal_from_here_reaches_it:_mount_the_own_/proc_" +
				"(mount_-t_proc_proc_/proc)_to_see_the_processes_that_can_be_signalled",
			fmt.Sprintf("kill_-KILL_%d", a), "done",
			"refused it_is_ipctop_itself",
			"refused true it_is_ipctop_itself",
			"true true true",
			"reaped",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if m.stat(a).State == 'Z' {
			t.Error("the process with the same number was killed")
		}
	})
}
