package process_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/process"
)

// workWithoutFirstThread ends its first thread. It reports the read end of a pipe that has bytes.
func workWithoutFirstThread(j *kerneltest.Job) {
	var fds [2]int
	j.Check(unix.Pipe2(fds[:], unix.O_CLOEXEC))
	_, err := unix.Write(fds[1], []byte("bytes"))
	j.Check(err)
	var st unix.Stat_t
	j.Check(unix.Fstat(fds[0], &st))
	j.Ready(fds[0], st.Ino)
	kerneltest.EndFirstThread()
	j.Wait()
}

// A thread that lives still has the descriptors of a process whose first thread has ended.
func TestReadPipeWithoutFirstThread(t *testing.T) {
	w := kerneltest.Start(t, "without-first-thread")
	said := numbers(t, w.Words)
	kerneltest.Eventually(t, "the first thread has ended", func() bool {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", w.PID))
		return err == nil && strings.Contains(string(text), ") Z ")
	})
	threads, err := openProc(t, w.PID).Threads()
	if err != nil || len(threads) < 2 || threads[0].PID != w.PID {
		t.Fatalf("threads %+v, %v", threads, err)
	}
	if fd, err := unix.PidfdOpen(threads[1].PID, unix.PIDFD_THREAD); err == unix.EINVAL {
		t.Skip("needs Linux 6.9: PIDFD_THREAD")
	} else if err == nil {
		unix.Close(fd)
	}
	got, err := process.ReadPipe(threads[1].PID, said[0], 0, uint64(said[1]))
	if err != nil || got.Queued != len("bytes") {
		t.Errorf("through thread %d: %+v, %v", threads[1].PID, got, err)
	}
	if got, err := process.ReadPipe(w.PID, said[0], 0, uint64(said[1])); err == nil {
		t.Errorf("the first thread has ended, yet has descriptors: %+v", got)
	}
}
