package main

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
)

// Every room of the dashboard announces a deadlock. From an object of the deadlock, one key leads to the waits. If
// ipctop may not read the undo values (SEM_UNDO), the deadlock is only a likely one.
func TestDashboardAnnouncesADeadlock(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		term := openTerminal(t, 100, 30, script, "ARGS=demo sem-deadlock")
		term.see("deadlock: ", "/demo-abba-a ↔ ", "/demo-abba-b", "[1 Queues]")
		term.keys("2")
		term.see("[2 Semaphores]", "deadlock: ", "sem:")
		term.keys("w")
		term.see("[W Waits]", "who waits for sem:", "and who could end that", "/demo-abba-a waits for sem:", "└─ ",
			"/demo-abba-b waits for sem:")
		term.keys("Down")
		term.keys("Enter")
		term.see("wait:", "demo-abba-b", "What is wrong", "to do: ", "Fields")
		term.keys("Escape")
		term.see("who waits for sem:", "└─ ")
		term.keys("Escape")
		term.see("[2 Semaphores]")
		term.keys("q")
		term.see("ended with 0, tty sane")
	}, unix.CLONE_NEWNS)
}
