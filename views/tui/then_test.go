package tui

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/schema"
)

// Ctrl-K in the menu of signals adds SIGKILL for those that stay. Esc ends the wait.
func TestASecondSignalFromTheMenu(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		w := kerneltest.Start(t, "deaf")
		r := live(t)
		r.toTab(schema.Proc)
		r.press("\\")
		r.write(fmt.Sprint("pid == ", w.PID))
		r.press("Enter", "F9")
		r.see("Signal to send", fmt.Sprintf("to proc:%d", w.PID), "(Ctrl-K: then SIGKILL)")
		r.press("Ctrl-K")
		r.see("then SIGKILL after 10s ", "(Ctrl-K: nothing more)")
		r.press("Tab")
		r.see("to all processes in the container of proc:", "(Tab: its unit)")
		r.press("Tab", "Tab")
		r.see("(Tab: its container)")
		r.press("Enter")
		r.see("Send SIGTERM to 1 process, then SIGKILL after 10s to those that stay", "y = yes")
		r.press("y")
		r.see("waits up to 10s", "done: proc:")
		r.press("Esc")
		r.see("SIGKILL not sent: interrupted", "Enter or Esc closes")
		if err := syscall.Kill(w.PID, 0); err != nil {
			t.Errorf("it lives no more: %v", err)
		}
	})
}
