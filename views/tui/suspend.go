package tui

import (
	"os"
	"os/signal"
	"syscall"
	"time"
)

// suspend gives the terminal back and stops the program, as Ctrl-Z does with any other; fg brings it back.
func suspend(a *app) reaction {
	a.tv.Suspend(func() {
		continued := make(chan os.Signal, 1)
		signal.Notify(continued, syscall.SIGCONT)
		defer signal.Stop(continued)
		self, err := os.FindProcess(os.Getpid())
		if err != nil || self.Signal(syscall.SIGTSTP) != nil {
			return
		}
		// The signal may take effect a moment after the call. The kernel drops it in a process group that no shell looks
		// after (orphaned: man 3 _exit, setpgid(2)), so do not wait for ever.
		select {
		case <-continued:
		case <-time.After(time.Second):
		}
	})
	return nothing
}
