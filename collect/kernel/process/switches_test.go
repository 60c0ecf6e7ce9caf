package process_test

import (
	"runtime"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/process"
)

// A thread's count stays while it sleeps. It grows when the thread wakes and sleeps again in the same call.
func TestSwitchesTellOneSleepFromTheNext(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pipe[1])
	// The two reads have the same registers, also the same buffer.
	s := new(process.Script)
	buf := make([]byte, 1)
	at := s.Keep(buf, unsafe.Pointer(&buf[0]))
	s.Raw(unix.SYS_READ, uintptr(pipe[0]), at, 1).Raw(unix.SYS_READ, uintptr(pipe[0]), at, 1)
	pid, err := process.StartBare(s)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Wait4(pid, nil, 0, nil)
	defer unix.Kill(pid, unix.SIGKILL)
	unix.Close(pipe[0])

	dir := openProc(t, pid)
	asleep := func() (process.BlockedCall, uint64) {
		var call process.BlockedCall
		var n uint64
		kerneltest.Eventually(t, "the process to sleep in read", func() bool {
			tasks, err := dir.Tasks(make([]byte, 8192))
			if err != nil || len(tasks) != 1 || tasks[0].In != process.InCall || tasks[0].Call.NR != unix.SYS_READ {
				return false
			}
			call = tasks[0].Call
			n, _, err = dir.Switches(pid, nil)
			return err == nil
		})
		return call, n
	}
	call, first := asleep()
	if again, n := asleep(); n != first || again != call {
		t.Errorf("asleep all the time: %v with %d switches, then %v with %d", call, first, again, n)
	}
	if _, err := unix.Write(pipe[1], []byte{1}); err != nil {
		t.Fatal(err)
	}
	kerneltest.Eventually(t, "the process to sleep once more", func() bool {
		again, n := asleep()
		return again == call && n > first
	})
}
