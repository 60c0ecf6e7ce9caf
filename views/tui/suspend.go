package tui

import (
	"os"
	"os/signal"
	"syscall"
	"time"
)

// suspend restores the terminal and stops the program, like Ctrl-Z in any other program. The shell's fg continues it.
func suspend(a *app) reaction {
	a.tv.Suspend(func() {
		continued := make(chan os.Signal, 1)
		signal.Notify(continued, syscall.SIGCONT)
		defer signal.Stop(continued)
		self, err := os.FindProcess(os.Getpid())
		if err != nil || self.Signal(syscall.SIGTSTP) != nil {
			return
		}
		// The signal may take effect a moment after the call. The kernel drops SIGTSTP in an orphaned process group,
		// which no shell controls (man 3 _exit, man 2 setpgid). So do not wait for ever.
		select {
		case <-continued:
		case <-time.After(time.Second):
		}
	})
	return nothing
}
