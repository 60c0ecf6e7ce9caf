package kerneltest

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// Sleepers starts processes that do nothing until the test ends. Each has both ends of this number of pipes, and
// /dev/null twice.
func Sleepers(tb testing.TB, processes, pipes int) []int {
	tb.Helper()
	null, err := os.Open(os.DevNull)
	if err != nil {
		tb.Fatal(err)
	}
	defer null.Close()
	var pids []int
	for range processes {
		files := []uintptr{null.Fd(), null.Fd()}
		for range pipes {
			var p [2]int
			if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
				tb.Fatal(err)
			}
			files = append(files, uintptr(p[0]), uintptr(p[1]))
		}
		// os/exec is no choice: it would keep a pidfd of each process.
		pid, err := syscall.ForkExec("/bin/sleep", []string{"sleep", "10000"},
			&syscall.ProcAttr{Env: os.Environ(), Files: files})
		for _, fd := range files[2:] {
			unix.Close(int(fd))
		}
		if err != nil {
			tb.Fatal(err)
		}
		pids = append(pids, pid)
	}
	tb.Cleanup(func() {
		for _, pid := range pids {
			unix.Kill(pid, unix.SIGKILL)
			unix.Wait4(pid, nil, 0, nil)
		}
	})
	for _, pid := range pids { // waits until each process has become sleep and sleeps
		Eventually(tb, "sleep", func() bool { return Asleep(pid, "sleep") })
	}
	return pids
}

// Asleep is true if the process has become this program and sleeps in a system call. The text of stat begins with
// "PID (PROGRAM) STATE" (man 5 proc_pid_stat). Package process would import this package for its tests.
func Asleep(pid int, program string) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && strings.HasPrefix(string(stat), fmt.Sprintf("%d (%s) S ", pid, program))
}
