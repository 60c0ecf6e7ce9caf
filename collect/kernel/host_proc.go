package kernel

import (
	"time"

	"github.com/ipctop/ipctop/collect/kernel/process"
)

// ProcMounted is when /proc was mounted, by the clock of that moment.
func (h *Host) ProcMounted() (mounted time.Time, ok bool) { return process.Mounted(h.Root) }

// FileSize asks for the size in bytes of the file behind a descriptor, without asking a remote server.
func (h *Host) FileSize(pid, fd int) (uint64, error) { return process.FileSize(h.Root, pid, fd) }

// PIDs lists the processes that /proc shows, in ascending order, which is /proc's.
func (h *Host) PIDs() ([]int, error) { return process.PIDs(h.Root) }

// OpenProc opens /proc/PID.
func (h *Host) OpenProc(pid int) (process.Dir, error) { return process.Open(h.Root, pid) }
