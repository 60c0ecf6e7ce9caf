package process

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
)

func TestCompareFiles(t *testing.T) {
	pid := unix.Getpid()
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	same, err := unix.Dup(fds[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range []int{fds[0], fds[1], same} {
		defer unix.Close(fd)
	}
	if order, err := CompareFiles(pid, fds[0], pid, same); order != 0 || err != nil {
		t.Errorf("a duplicate: %d, %v; want 0", order, err)
	}
	there, err := CompareFiles(pid, fds[0], pid, fds[1])
	back, err2 := CompareFiles(pid, fds[1], pid, fds[0])
	if there == 0 || there != -back || err != nil || err2 != nil {
		t.Errorf("two ends: %d and %d, %v, %v; want an order", there, back, err, err2)
	}
	if _, err := CompareFiles(pid, fds[0], pid, 1<<20); err != unix.EBADF && !strings.Contains(err.Error(), "kcmp") {
		t.Errorf("a closed descriptor: %v", err)
	}
}

func TestSameFiles(t *testing.T) {
	own := make(chan int)
	end := make(chan bool)
	defer close(end)
	for _, unshare := range []bool{false, true} {
		kerneltest.OnOtherThread(func() {
			if unshare {
				if err := unix.Unshare(unix.CLONE_FILES); err != nil {
					t.Error(err)
				}
			}
			own <- unix.Gettid()
			<-end
		})
		if same, err := SameFiles(unix.Getpid(), <-own); err != nil || same == unshare {
			t.Errorf("a thread that called unshare (%v): %v, %v", unshare, same, err)
		}
	}
	if _, err := SameFiles(unix.Getpid(), 1<<30); !errors.Is(err, unix.ESRCH) {
		t.Errorf("no thread: %v", err)
	}
}
