package process_test

import (
	"errors"
	"io/fs"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/process"
)

// workReadPipe sleeps in the read of an empty pipe, on the CPU of its argument. It reports the thread, and the
// CLOCK_MONOTONIC before the read.
func workReadPipe(j *kerneltest.Job) {
	cpu, err := strconv.Atoi(j.Args[0])
	j.Check(err)
	var pipe [2]int
	j.Check(unix.Pipe2(pipe[:], unix.O_CLOEXEC))
	began := make(chan int64)
	tid := make(chan int)
	go func() {
		runtime.LockOSThread()
		var one unix.CPUSet
		one.Set(cpu)
		j.Check(unix.SchedSetaffinity(0, &one))
		tid <- unix.Gettid()
		began <- monotonic()
		unix.Read(pipe[0], make([]byte, 1))
	}()
	j.Ready(<-tid, <-began)
	j.Wait()
}

func monotonic() int64 {
	var ts unix.Timespec
	unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
	return ts.Nano()
}

// needSched skips a test if the kernel does not tell when a thread ran.
func needSched(tb testing.TB) {
	tb.Helper()
	if _, err := os.Stat("/proc/self/sched"); err != nil {
		tb.Skip("needs a kernel since 6.15, or with CONFIG_SCHED_DEBUG: ", err)
	}
}

func TestLastRan(t *testing.T) {
	needSched(t)
	var before unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		t.Fatal(err)
	}
	clock, err := process.NewRunClock()
	if err != nil {
		t.Fatal(err)
	}
	for cpu := range 1024 {
		if !before.IsSet(cpu) {
			continue
		}
		w := kerneltest.Start(t, "read-pipe", strconv.Itoa(cpu))
		said := numbers(t, w.Words)
		p := openProc(t, w.PID)
		callOf(t, p, said[0], unix.SYS_READ)
		asleep := monotonic() // the thread has slept for some time
		kerneltest.Eventually(t, "a fifth of a second of sleep",
			func() bool { return monotonic()-asleep > int64(200*time.Millisecond) })
		from := monotonic()
		ago, err := clock.LastRan(p, said[0])
		if err != nil {
			t.Fatal(err)
		}
		// LastRan does not count the time that the hypervisor takes from the CPU.
		const slack = 100 * time.Millisecond
		least, most := time.Duration(from-asleep)-slack, time.Duration(monotonic()-int64(said[1]))+slack
		if ago < least || ago > most {
			t.Errorf("on CPU %d: ran %v ago, want %v to %v", cpu, ago, least, most)
		}
	}
	var after unix.CPUSet
	if err := unix.SchedGetaffinity(0, &after); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Error("other CPUs than before:", diff)
	}
}

func TestLastRanOfOwnThread(t *testing.T) {
	needSched(t)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	clock, err := process.NewRunClock()
	if err != nil {
		t.Fatal(err)
	}
	p := openProc(t, os.Getpid())
	if ago, err := clock.LastRan(p, unix.Gettid()); ago != 0 || err != nil {
		t.Errorf("this thread ran %v ago, %v", ago, err)
	}
	if ago, err := clock.LastRan(p, 1<<22); ago != 0 || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no thread ran %v ago, %v", ago, err)
	}
	// Process 1 belongs to another user, unless root asks.
	if ago, err := clock.LastRan(openProc(t, 1), 1); ago < 0 || err != nil {
		t.Errorf("process 1 ran %v ago, %v", ago, err)
	}
}

func BenchmarkLastRan(b *testing.B) {
	needSched(b)
	w := kerneltest.Start(b, "call", "read")
	p, tid := openProc(b, w.PID), numbers(b, w.Words)[0]
	clock, err := process.NewRunClock()
	if err != nil {
		b.Fatal(err)
	}
	b.Run("known CPU", func(b *testing.B) {
		for b.Loop() {
			if _, err := clock.LastRan(p, tid); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("new CPU", func(b *testing.B) {
		for b.Loop() {
			clock, err := process.NewRunClock()
			if err != nil {
				b.Fatal(err)
			}
			if _, err := clock.LastRan(p, tid); err != nil {
				b.Fatal(err)
			}
		}
	})
}
