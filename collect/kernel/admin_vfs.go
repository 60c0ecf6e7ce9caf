package kernel

import "github.com/ipctop/ipctop/collect/kernel/vfs"

// PathRemoveSame unlinks the file of a path (man 2 unlink), if it still has this device and inode number. A FIFO or a
// socket that somebody has open lives on without the name.
func (a *Admin) PathRemoveSame(path string, dev, ino uint64) error {
	return vfs.UnlinkPath(path, dev, ino)
}
