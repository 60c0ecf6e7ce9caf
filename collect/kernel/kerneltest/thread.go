package kerneltest

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// OnOtherThread runs f on a thread that ends with f, never on the process's first thread. f may change the
// thread's own data, for example its table of descriptors. /proc/PID and pidfd_getfd(2) show the first thread's data as
// the process's data.
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

// EndFirstThread ends the first thread of the process, while the other threads live on. The calling goroutine goes on,
// locked to another thread. /proc shows the first thread as a zombie soon after.
func EndFirstThread() {
	end := func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			unix.RawSyscall(unix.SYS_EXIT, 0, 0, 0)
		}
	}
	for range 64 { // each of these goroutines keeps its own thread, so one of them has the first thread
		go func() {
			end()
			select {}
		}()
	}
	end()
}
