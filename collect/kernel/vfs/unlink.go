package vfs

import (
	"fmt"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// ErrChanged means that a name leads to another file than before.
var ErrChanged = fmt.Errorf("the name belongs to another object by now: %w", unix.ESTALE)

// UnlinkSame removes a name in a directory, if its file still has this device and inode number. Errors: ErrChanged, and
// those of man 2 unlinkat.
func UnlinkSame(dir int, name string, dev, ino uint64) error {
	f, err := StatAt(dir, name)
	if err != nil {
		return err
	}
	if f.Dev != dev || f.Ino != ino {
		return ErrChanged
	}
	return unix.Unlinkat(dir, name, 0)
}

// UnlinkPath is UnlinkSame for a whole path. It opens the directory first, so that check and removal act in one
// directory, whatever becomes of its path meanwhile.
func UnlinkPath(path string, dev, ino uint64) error {
	dir, err := unix.Open(filepath.Dir(path), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err == nil {
		defer unix.Close(dir)
		err = UnlinkSame(dir, filepath.Base(path), dev, ino)
	}
	if err != nil {
		return fmt.Errorf("remove %s: %w", path, err)
	}
	return nil
}
