package process_test

import (
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// A bare process has one thread, its own name and no handlers. It does its calls in order, and then ends.
func TestStartBare(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var in, out [2]int
	for _, p := range []*[2]int{&in, &out} {
		if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
			t.Fatal(err)
		}
		defer unix.Close(p[0])
		defer unix.Close(p[1])
	}
	s := new(process.Script).Name("bare-test").Close(in[1]).Write(out[1], 2).Read(in[0])
	pid, err := process.StartBare(s)
	if err != nil {
		t.Fatal(err)
	}
	reaped := false
	defer func() {
		if !reaped {
			unix.Kill(pid, unix.SIGKILL)
			unix.Wait4(pid, nil, 0, nil)
		}
	}()
	buf := make([]byte, 4)
	if n, err := unix.Read(out[0], buf); n != 2 || err != nil {
		t.Fatalf("read: %d, %v; want 2 bytes", n, err)
	}
	host := sys.Root("")
	type look struct {
		Comm    string
		Threads int
		Caught  sys.SignalSet
		Call    string
	}
	var got look
	kerneltest.Eventually(t, "the process to sleep in read", func() bool {
		dir, err := process.Open(host, pid)
		if err != nil {
			t.Fatal(err)
		}
		defer dir.Close()
		stat, err := dir.Read("stat", nil)
		if err != nil {
			t.Fatal(err)
		}
		st, err := process.ParseProcStat(stat)
		if err != nil {
			t.Fatal(err)
		}
		status, err := dir.Read("status", nil)
		if err != nil {
			t.Fatal(err)
		}
		masks, err := process.ParseSignalMasks(status)
		if err != nil {
			t.Fatal(err)
		}
		got = look{Comm: st.Comm, Threads: st.Threads, Caught: masks.Caught}
		tasks, err := dir.Tasks(make([]byte, 8192))
		if err != nil || len(tasks) != 1 || tasks[0].In != process.InCall {
			return false
		}
		got.Call = tasks[0].Call.Name()
		return got.Call == "read"
	})
	if diff := cmp.Diff(look{Comm: "bare-test", Threads: 1, Call: "read"}, got); diff != "" {
		t.Error(diff)
	}
	if _, err := unix.Write(in[1], []byte{1}); err != nil {
		t.Fatal(err)
	}
	var status unix.WaitStatus
	if _, err := unix.Wait4(pid, &status, 0, nil); err != nil || !status.Exited() || status.ExitStatus() != 0 {
		t.Errorf("wait4: %v, status %#x; want exit 0", err, status)
	}
	reaped = true
}
