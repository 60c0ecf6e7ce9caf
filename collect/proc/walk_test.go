package proc

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/process"
)

// A process may end while it is read. Some of its tables may then be incomplete without an error.
func TestWalkOfAProcessThatEnds(t *testing.T) {
	host, err := kernel.Open("")
	if err != nil {
		t.Fatal(err)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	pid, err := kernel.NewAdmin().StartBare(new(process.Script).Sleep(process.Forever))
	if err != nil {
		t.Fatal(err)
	}
	dir, err := host.OpenProc(pid)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	w := &walker{host: host}
	p := &Process{}
	p.PID, p.State, p.Threads = pid, 'S', 1
	if w.hasEnded(p, dir) {
		t.Error("a living process has ended")
	}
	if err := unix.Kill(pid, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	kerneltest.Eventually(t, "its end", func() bool { return w.hasEnded(p, dir) })
	if _, err := unix.Wait4(pid, nil, 0, nil); err != nil {
		t.Fatal(err)
	}
	if !w.hasEnded(p, dir) {
		t.Error("a process that was waited for has not ended")
	}
}
