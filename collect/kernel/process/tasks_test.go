package process_test

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// workTasks has one thread that reads an empty pipe, and one that runs. It reports their tids and the pipe's read
// end.
func workTasks(j *kerneltest.Job) {
	var fds [2]int
	j.Check(unix.Pipe2(fds[:], unix.O_CLOEXEC))
	tids := make(chan int)
	go func() {
		runtime.LockOSThread()
		tids <- unix.Gettid()
		unix.Read(fds[0], make([]byte, 1))
	}()
	reader := <-tids
	go func() {
		runtime.LockOSThread()
		tids <- unix.Gettid()
		for {
			unix.Getpid() // Go's collector can preempt this loop because it has a call
		}
	}()
	j.Ready(reader, <-tids, fds[0])
	j.Wait()
}

// openProc opens a process that the test started.
func openProc(tb testing.TB, pid int) process.Dir {
	tb.Helper()
	p, err := process.Open(sys.Root(""), pid)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(p.Close)
	return p
}

// taskOf waits until a thread has the wanted state.
func taskOf(tb testing.TB, p process.Dir, tid int, wanted func(process.Task) bool) process.Task {
	tb.Helper()
	var found process.Task
	kerneltest.Eventually(tb, "thread "+strconv.Itoa(tid)+" as wanted", func() bool {
		tasks, err := p.Tasks(make([]byte, 8<<10))
		if err != nil {
			tb.Fatal(err)
		}
		i := slices.IndexFunc(tasks, func(t process.Task) bool { return t.TID == tid })
		if i < 0 || !wanted(tasks[i]) {
			return false
		}
		found = tasks[i]
		return true
	})
	return found
}

// callOf waits until a thread sleeps in one of these calls.
func callOf(tb testing.TB, p process.Dir, tid int, calls ...int) process.BlockedCall {
	tb.Helper()
	return taskOf(tb, p, tid, func(t process.Task) bool {
		return t.In == process.InCall && slices.Contains(calls, t.Call.NR)
	}).Call
}

func numbers(tb testing.TB, words []string) []int {
	tb.Helper()
	var out []int
	for _, word := range words {
		n, err := strconv.Atoi(word)
		if err != nil {
			tb.Fatal(err)
		}
		out = append(out, n)
	}
	return out
}

func TestTasks(t *testing.T) {
	w := kerneltest.Start(t, "tasks")
	said := numbers(t, w.Words)
	reader, runner, fd := said[0], said[1], said[2]
	p := openProc(t, w.PID)
	c := callOf(t, p, reader, unix.SYS_READ)
	if c.TID != reader || c.Args[0] != uint64(fd) {
		t.Errorf("the reader sleeps in %+v, want a read of %d", c, fd)
	}
	taskOf(t, p, runner, func(t process.Task) bool { return t.In == process.OnCPU })

	// Go's runtime may start another thread between the two readings.
	kerneltest.Eventually(t, "every thread once", func() bool {
		tasks, err := p.Tasks(make([]byte, 8<<10))
		if err != nil {
			t.Fatal(err)
		}
		var tids []string
		for _, task := range tasks {
			tids = append(tids, strconv.Itoa(task.TID))
		}
		entries, err := os.ReadDir("/proc/" + strconv.Itoa(w.PID) + "/task")
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for _, entry := range entries {
			want = append(want, entry.Name())
		}
		slices.Sort(tids)
		slices.Sort(want)
		return slices.Equal(want, tids)
	})
}

func TestTasksOfOwnProcess(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	tasks, err := openProc(t, os.Getpid()).Tasks(make([]byte, 8<<10))
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(tasks, func(t process.Task) bool { return t.TID == unix.Gettid() })
	if i < 0 || tasks[i] != (process.Task{TID: unix.Gettid()}) {
		t.Errorf("thread %d asks, yet is not running in %+v", unix.Gettid(), tasks)
	}
}

func TestTasksOfEndedProcess(t *testing.T) {
	w := kerneltest.Start(t, "sleep")
	p := openProc(t, w.PID)
	if err := syscall.Kill(w.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	// Nobody has reaped the process yet.
	if got := taskOf(t, p, w.PID,
		func(t process.Task) bool { return t.In == process.Ended }); got.Call != (process.BlockedCall{}) {
		t.Errorf("a zombie sleeps in %+v", got.Call)
	}
	w.Kill()
	if tasks, err := p.Tasks(make([]byte, 8<<10)); err == nil {
		t.Errorf("a reaped process has threads %+v", tasks)
	}
}

func TestTasksOfForeignProcess(t *testing.T) {
	if os.Getuid() == 0 {
		w := kerneltest.StartAs(t, &syscall.Credential{Uid: 1000, Gid: 1000}, "tasks-of", strconv.Itoa(os.Getpid()))
		if diff := cmp.Diff([]string{"true", "0"}, w.Words); diff != "" {
			t.Error(diff)
		}
		return
	}
	if tasks, err := openProc(t, 1).Tasks(make([]byte, 8<<10)); !sys.Denied(err) || len(tasks) > 0 {
		t.Errorf("threads of another user's process: %v, %v", tasks, err)
	}
}

// workTasksOf reports if the kernel denied a process's threads, and the number of threads that it read.
func workTasksOf(j *kerneltest.Job) {
	pid, err := strconv.Atoi(j.Args[0])
	j.Check(err)
	host := sys.Root("")
	p, err := process.Open(host, pid)
	j.Check(err)
	defer p.Close()
	tasks, err := p.Tasks(make([]byte, 8<<10))
	j.Ready(sys.Denied(err), len(tasks))
	j.Wait()
}

func TestHalted(t *testing.T) {
	w := kerneltest.Start(t, "tasks")
	reader := numbers(t, w.Words)[0]
	p := openProc(t, w.PID)
	c := callOf(t, p, reader, unix.SYS_READ)
	halted := func() process.Halt {
		halt, err := p.Halted(reader)
		if err != nil {
			t.Fatal(err)
		}
		return halt
	}
	if got := halted(); got != process.NotHalted {
		t.Errorf("halt %d, want none", got)
	}
	if err := syscall.Kill(w.PID, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	kerneltest.Eventually(t, "stopped", func() bool { return halted() == process.Stopped })
	// The file still shows the call; only Halted shows the stop.
	if got := callOf(t, p, reader, unix.SYS_READ); got != c {
		t.Errorf("stopped in %+v, was in %+v", got, c)
	}
	if err := syscall.Kill(w.PID, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	kerneltest.Eventually(t, "going on", func() bool { return halted() == process.NotHalted })

	runtime.LockOSThread() // a tracer is a thread
	defer runtime.UnlockOSThread()
	if err := unix.PtraceSeize(reader); err != nil {
		t.Fatal(err)
	}
	if err := unix.PtraceInterrupt(reader); err != nil {
		t.Fatal(err)
	}
	kerneltest.Eventually(t, "traced", func() bool { return halted() == process.Traced })
	if _, err := unix.Wait4(reader, nil, unix.WALL, nil); err != nil {
		t.Fatal(err)
	}
	if err := unix.PtraceDetach(reader); err != nil {
		t.Fatal(err)
	}
	kerneltest.Eventually(t, "let go", func() bool { return halted() == process.NotHalted })
	if _, err := p.Halted(1 << 22); !sys.Gone(err) {
		t.Errorf("a thread that never was: %v", err)
	}
}

// After clone with CLONE_VFORK the parent sleeps until the child has ended. Only SIGKILL interrupts that.
func TestHaltedElsewhere(t *testing.T) {
	kerneltest.InNamespace(t, func() { // the child's child ends with the namespace
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		s := new(process.Script).Raw(unix.SYS_CLONE, uintptr(unix.SIGCHLD)|unix.CLONE_VFORK).Sleep(process.Forever)
		pid, err := process.StartBare(s)
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := unix.Kill(pid, unix.SIGKILL); err != nil {
				t.Error(err)
			}
			if _, err := unix.Wait4(pid, nil, 0, nil); err != nil {
				t.Error(err)
			}
		}()
		p := openProc(t, pid)
		kerneltest.Eventually(t, "in the middle of vfork", func() bool {
			halt, err := p.Halted(pid)
			return err == nil && halt == process.Elsewhere
		})
	})
}

func TestHaltedByFrozenCgroup(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: an ordinary user may not make cgroups")
	}
	kerneltest.InNamespace(t, func() {
		root := t.TempDir()
		if err := unix.Mount("cgroup2", root, "cgroup2", 0, ""); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Unmount(root, unix.MNT_DETACH) })
		group, err := os.MkdirTemp(root, "ipctop-test-")
		if err != nil {
			t.Fatal(err)
		}
		write := func(file, text string) {
			if err := os.WriteFile(filepath.Join(group, file), []byte(text), 0); err != nil {
				t.Fatal(err)
			}
		}
		w := kerneltest.Start(t, "tasks")
		t.Cleanup(func() { // before the group's removal
			w.Kill()
			if err := os.Remove(group); err != nil {
				t.Error(err)
			}
		})
		reader := numbers(t, w.Words)[0]
		p := openProc(t, w.PID)
		callOf(t, p, reader, unix.SYS_READ)
		is := func(want process.Halt) func() bool {
			return func() bool {
				halt, err := p.Halted(reader)
				return err == nil && halt == want
			}
		}
		write("cgroup.procs", strconv.Itoa(w.PID))
		write("cgroup.freeze", "1")
		kerneltest.Eventually(t, "frozen", is(process.Frozen))
		write("cgroup.freeze", "0")
		kerneltest.Eventually(t, "thawed", is(process.NotHalted))
	})
}

func BenchmarkTasks(b *testing.B) {
	w := kerneltest.Start(b, "tasks")
	p := openProc(b, w.PID)
	buf := make([]byte, 8<<10)
	for name, ask := range map[string]func() (int, error){
		"all": func() (int, error) {
			tasks, err := p.Tasks(buf)
			return len(tasks), err
		},
		"blocked": func() (int, error) {
			_, err := p.BlockedCalls(buf, func(int) bool { return true })
			return 0, err
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if n, err := ask(); err != nil {
					b.Fatal(err)
				} else if n > 0 {
					b.ReportMetric(float64(n), "threads")
				}
			}
		})
	}
}
