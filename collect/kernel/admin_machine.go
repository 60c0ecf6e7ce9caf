package kernel

import (
	"time"

	"github.com/ipctop/ipctop/collect/kernel/machine"
)

// Syslog sends one line to the system's log (syslog(3)). text has no control characters.
func (a *Admin) Syslog(pid int, now time.Time, text string) error {
	return machine.Syslog(pid, now, text)
}
