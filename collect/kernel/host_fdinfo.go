package kernel

import "github.com/ipctop/ipctop/collect/kernel/fdinfo"

// Locks reads /proc/locks.
func (h *Host) Locks() ([]fdinfo.HeldLock, error) { return fdinfo.Locks(h.Root) }
