package main

import (
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/schema"
)

// waitForLeftSemaphore starts a process that waits for a semaphore whose holder has ended, and a stranger in its
// process group. Both end with the test.
func waitForLeftSemaphore(t *testing.T) {
	t.Helper()
	admin := kernel.NewAdmin()
	id := kerneltest.Must(admin.SemGet(0, 1, 0o600))(t)
	start := func(s *process.Script) int { return kerneltest.Must(admin.StartBare(s))(t) }
	take := sysv.SemOp{Op: -1}
	one, set := []uint16{1}, new(process.Script)
	const setAll = 17 // SETALL
	for _, s := range []*process.Script{
		set.Raw(unix.SYS_SEMCTL, uintptr(id), 0, setAll, set.Keep(one, unsafe.Pointer(&one[0]))),
		new(process.Script).SemOp(id, take),
	} {
		kerneltest.Must(unix.Wait4(start(s), nil, 0, nil))(t)
	}
	waiter := start(new(process.Script).SemOp(id, take))
	stranger := exec.Command("sleep", "1000000")
	kerneltest.OK(t, stranger.Start())
	t.Cleanup(func() {
		kerneltest.OK(t, syscall.Kill(waiter, syscall.SIGKILL))
		kerneltest.Must(unix.Wait4(waiter, nil, 0, nil))(t)
		kerneltest.OK(t, stranger.Process.Kill())
		_ = stranger.Wait() // it was killed
		kerneltest.OK(t, admin.SemRemove(id))
	})
}

// No row is stuck, but a warning tells that a wait may be. The note and the exit code follow the warning, and the exit
// code is the same for every output.
func TestWaitsNeverSaysNothingOverAWarning(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		runtime.LockOSThread() // the waiter ends with the thread that started it
		waitForLeftSemaphore(t)
		var got commandOutput
		kerneltest.Eventually(t, "a warning about the semaphore", func() bool {
			got = ipctop("waits", "--exit-code")
			return strings.Contains(got.Stdout, "WARNING: probably left behind: ")
		})
		notes := slices.DeleteFunc(strings.Split(got.Stderr, "\n"), func(line string) bool {
			return !strings.Contains(line, "stuck")
		})
		if diff := cmp.Diff([]string{"ipctop: note: no thread is proved to be stuck, but there is a warning: " +
			"probably left behind"}, notes); diff != "" || got.Code != exitFailed {
			t.Errorf("exit code %d, stderr (-want +got):\n%s", got.Code, diff)
		}
		for _, args := range [][]string{{"-o", "json"}, {"-o", "jsonl"}, {"-o", "csv"}, {"--no-headings"}} {
			if got := ipctop(append([]string{"waits", "--exit-code"}, args...)...); got.Code != exitFailed {
				t.Errorf("%v: %+v", args, got)
			}
		}
		if got := ipctop("waits"); got.Code != 0 {
			t.Errorf("without --exit-code: %+v", got)
		}
	})
}

func TestNothingStuck(t *testing.T) {
	t.Parallel()
	possible := schema.Finding{Severity: schema.Warning, Kind: "deadlock", Says: "possible deadlock: 4/a waits"}
	for _, c := range []struct {
		warnings []schema.Finding
		unread   bool
		want     string
	}{
		{nil, false, "nothing of what could be seen is stuck"},
		{nil, true, "nothing of what could be seen is stuck, but what could not be read may be: see above"},
		{[]schema.Finding{possible}, true, "no thread is proved to be stuck, but there is a warning: " +
			"possible deadlock; what could not be read may hide more: see above"},
		{[]schema.Finding{possible, possible, {Says: "blocked in the kernel: 5/b"}}, false,
			"no thread is proved to be stuck, but there are warnings: possible deadlock, blocked in the kernel"},
	} {
		if got := nothingStuck(c.warnings, c.unread); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}
