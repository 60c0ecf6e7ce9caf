package kernel

import (
	"time"

	"github.com/ipctop/ipctop/collect/kernel/proc"
)

// ProcMounted is when /proc was mounted, by the clock of that moment.
func (h *Host) ProcMounted() (mounted time.Time, ok bool) { return proc.Mounted(h.Root) }

// FileSize asks for the size in bytes of the file behind a descriptor, without asking a remote server.
func (h *Host) FileSize(pid, fd int) (uint64, error) { return proc.FileSize(h.Root, pid, fd) }

// PIDs lists the processes that /proc shows, in ascending order, which is /proc's.
func (h *Host) PIDs() ([]int, error) { return proc.PIDs(h.Root) }

// OpenProc opens /proc/PID.
func (h *Host) OpenProc(pid int) (proc.Dir, error) { return proc.Open(h.Root, pid) }
