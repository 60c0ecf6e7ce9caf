package kernel

import "github.com/ipctop/ipctop/collect/kernel/blocker"

// OpenBlockers loads the program that reads which locks of the kernel threads wait for. Loading takes 4 milliseconds.
func (h *Host) OpenBlockers() (*blocker.Reader, error) { return blocker.Open(h.Root) }
