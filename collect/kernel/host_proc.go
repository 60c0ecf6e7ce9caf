package kernel

import (
	"time"

	"github.com/ipctop/ipctop/collect/kernel/process"
)

// ProcMounted is the time when /proc was mounted. The time comes from the clock of that moment.
func (h *Host) ProcMounted() (mounted time.Time, ok bool) { return process.Mounted(h.Root) }

// FileSize is the size in bytes of the file behind a descriptor. It does not ask a remote server.
func (h *Host) FileSize(pid, fd int) (uint64, error) { return process.FileSize(h.Root, pid, fd) }

// PIDs lists the processes in /proc, in ascending order.
func (h *Host) PIDs() ([]int, error) { return process.PIDs(h.Root) }

// OpenProc opens /proc/PID. Reads that may never come back end in process.ErrStalls.
func (h *Host) OpenProc(pid int) (process.Dir, error) { return h.stalls.Open(h.Root, pid) }

// Stalls has the processes whose memory does not answer.
func (h *Host) Stalls() *process.Stalls { return &h.stalls }
