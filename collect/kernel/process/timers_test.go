package process_test

import (
	"os"
	"runtime"
	"strconv"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/process"
)

func TestParseTimers(t *testing.T) {
	// The timers of "flock -w 2", and of a program with a timer for a thread and a timer without signal.
	const flock = "ID: 0\nsignal: 14/0000000000000000\nnotify: signal/pid.7306\nClockID: 1\n"
	const others = "ID: 1\nsignal: 32/00007f35309b2e48\nnotify: thread/tid.7308\nClockID: 0\nID: 2\nsignal: " +
		"14/0000000000000000\nnotify: none/pid.7306\nClockID: 0\n"
	for text, want := range map[string][]process.SignalTimer{
		flock:          {{Signal: 14}},
		flock + others: {{Signal: 14}, {Signal: 32, TID: 7308}},
		others:         {{Signal: 32, TID: 7308}},
		"":             nil,
	} {
		got, err := process.ParseTimers([]byte(text))
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%q: %v, %s", text, err, diff)
		}
	}
	for _, text := range []string{"ID", "signal: 14\n", "signal: x/0\n", "notify: signal/pid.7306\n",
		"signal: 14/0\nnotify: signal\n", "signal: 65/0\n"} {
		if got, err := process.ParseTimers([]byte(text)); err == nil {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestParseTracer(t *testing.T) {
	if pid, err := process.ParseTracer([]byte("Name:\tbash\nTracerPid:\t4711\nUid:\t0\n")); pid != 4711 || err != nil {
		t.Errorf("tracer %d, %v, want 4711", pid, err)
	}
	for _, text := range []string{"", "TracerPid:\n", "TracerPid:\tx\n", "TracerPid:\t12"} {
		if pid, err := process.ParseTracer([]byte(text)); err == nil {
			t.Errorf("%q: tracer %d", text, pid)
		}
	}
}

func FuzzTimersAndTracer(f *testing.F) {
	f.Add([]byte("ID: 0\nsignal: 14/0000000000000000\nnotify: signal/pid.7306\nClockID: 1\n"))
	f.Add([]byte("Name:\tbash\nTracerPid:\t4711\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		timers, _ := process.ParseTimers(text)
		for _, timer := range timers {
			if timer.Signal < 1 || timer.Signal > 64 || timer.TID < 0 {
				t.Errorf("%q: %+v", text, timer)
			}
		}
		if pid, err := process.ParseTracer(text); pid < 0 || err != nil && pid != 0 {
			t.Errorf("%q: tracer %d, %v", text, pid, err)
		}
	})
}

// workTimers makes a timer for the process and a timer for its first thread. It reports this thread.
func workTimers(j *kerneltest.Job) {
	runtime.LockOSThread()
	const sigevThreadID = 4
	for _, event := range []sigevent{{Signo: int32(unix.SIGALRM)},
		{Signo: int32(unix.SIGUSR2), Notify: sigevThreadID, TID: int32(unix.Gettid())}} {
		var id int32
		if _, _, e := unix.Syscall(unix.SYS_TIMER_CREATE, unix.CLOCK_MONOTONIC, uintptr(unsafe.Pointer(&event)),
			uintptr(unsafe.Pointer(&id))); e != 0 {
			j.Check(e)
		}
	}
	j.Ready(unix.Gettid())
	j.Wait()
}

// sigevent is struct sigevent of 64-bit machines (include/uapi/asm-generic/siginfo.h).
type sigevent struct {
	Value         uint64
	Signo, Notify int32
	TID           int32
	_             [11]int32
}

func TestSignalTimers(t *testing.T) {
	if _, err := os.Stat("/proc/self/timers"); err != nil {
		t.Skip("needs a kernel with CONFIG_CHECKPOINT_RESTORE: ", err)
	}
	w := kerneltest.Start(t, "timers")
	got, err := openProc(t, w.PID).SignalTimers(nil)
	want := []process.SignalTimer{{Signal: int(unix.SIGALRM)}, {Signal: int(unix.SIGUSR2), TID: numbers(t, w.Words)[0]}}
	bySignal := cmpopts.SortSlices(func(a, b process.SignalTimer) bool { return a.Signal > b.Signal })
	if diff := cmp.Diff(want, got, bySignal); diff != "" || err != nil {
		t.Error(err, diff)
	}
	if got, err := openProc(t, kerneltest.Start(t, "sleep").PID).SignalTimers(nil); got != nil || err != nil {
		t.Errorf("timers of a process without: %+v, %v", got, err)
	}
}

func TestTracerOfThread(t *testing.T) {
	runtime.LockOSThread() // a tracer is a thread
	defer runtime.UnlockOSThread()
	w := kerneltest.Start(t, "sleep")
	p := openProc(t, w.PID)
	tracer := func() int {
		text, err := p.Read("task/"+strconv.Itoa(w.PID)+"/status", nil)
		if err != nil {
			t.Fatal(err)
		}
		pid, err := process.ParseTracer(text)
		if err != nil {
			t.Fatal(err)
		}
		return pid
	}
	if got := tracer(); got != 0 {
		t.Errorf("tracer %d of an untraced thread", got)
	}
	if err := unix.PtraceSeize(w.PID); err != nil {
		t.Fatal(err)
	}
	if got := tracer(); got != unix.Gettid() && got != os.Getpid() {
		t.Errorf("tracer %d, want %d", got, os.Getpid())
	}
}
