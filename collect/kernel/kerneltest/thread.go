package kerneltest

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// OnOtherThread runs f on a thread that ends with f, never on the process's first thread. f may change what is the
// thread's own, for example its table of descriptors. On the first thread /proc/PID and pidfd_getfd(2) would show
// that as the process's.
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
