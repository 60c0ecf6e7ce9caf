package kernel

import "github.com/ipctop/ipctop/collect/kernel/vfs"

// PathRemoveSame unlinks the file of a path (man 2 unlink), if it still is the same. A FIFO or a
// socket that somebody has open lives on without the name.
func (a *Admin) PathRemoveSame(path string, same vfs.Same) error {
	return vfs.UnlinkPath(path, same)
}
