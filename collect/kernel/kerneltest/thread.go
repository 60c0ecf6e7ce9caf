package kerneltest

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// OnOtherThread starts f on a thread that is not the process's first one and that ends with f. Whatever of the
// thread's own f changes, such as its table of descriptors: /proc/PID and pidfd_getfd(2) tell those of the first
// thread for the process's.
func OnOtherThread(f func()) {
	started := make(chan struct{})
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			OnOtherThread(f) // this goroutine holds the first thread meanwhile
			close(started)
			runtime.UnlockOSThread()
			return
		}
		close(started)
		f()
	}()
	<-started
}
