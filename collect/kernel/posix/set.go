package posix

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/vfs"
)

// MsgChange changes owner, group and permissions of a queue by its name ("/name"), if its file still has this device
// and inode number. Errors: ErrChanged, and those of vfs.ChangeSame.
func MsgChange(name string, dev, ino uint64, c vfs.FileChange) error {
	dir, err := openQueues()
	if err != nil {
		return fmt.Errorf("change queue %s: %w", name, err)
	}
	defer unix.Close(dir)
	return changeIn(dir, name, strings.TrimPrefix(name, "/"), dev, ino, c)
}

// ShmChange changes a file of /dev/shm by its name ("/name"), with the same condition and errors.
func ShmChange(name string, dev, ino uint64, c vfs.FileChange) error {
	return changeDevShm(name, strings.TrimPrefix(name, "/"), dev, ino, c)
}

// SemChange changes a named semaphore, with the same condition and errors.
func SemChange(name string, dev, ino uint64, c vfs.FileChange) error {
	return changeDevShm(name, semPrefix+strings.TrimPrefix(name, "/"), dev, ino, c)
}

// ShmChangeIn is ShmChange in the directory that some processes have at /dev/shm.
func ShmChangeIn(d ShmDir, name string, dev, ino uint64, c vfs.FileChange) error {
	return changeIn(d.fd, name, strings.TrimPrefix(name, "/"), dev, ino, c)
}

// SemChangeIn is SemChange in the directory that some processes have at /dev/shm.
func SemChangeIn(d ShmDir, name string, dev, ino uint64, c vfs.FileChange) error {
	return changeIn(d.fd, name, semPrefix+strings.TrimPrefix(name, "/"), dev, ino, c)
}

func changeDevShm(name, file string, dev, ino uint64, c vfs.FileChange) error {
	dir, err := sys.OpenDir(unix.AT_FDCWD, devShm)
	if err != nil {
		return fmt.Errorf("change %s: %w", name, err)
	}
	defer unix.Close(dir)
	return changeIn(dir, name, file, dev, ino, c)
}

func changeIn(dir int, name, file string, dev, ino uint64, c vfs.FileChange) error {
	err := vfs.PlainName(file)
	if err == nil {
		err = vfs.ChangeSame(dir, file, dev, ino, c)
	}
	if err != nil {
		return fmt.Errorf("change %s: %w", name, err)
	}
	return nil
}
