package kernel

import "github.com/ipctop/ipctop/collect/kernel/openfile"

// OpenFiles loads the program that lists the open files of all threads.
func (h *Host) OpenFiles() (*openfile.Reader, error) { return openfile.Open(h.Root) }
