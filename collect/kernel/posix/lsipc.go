package posix

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/vfs"
)

// The lists of util-linux 2.41. They leave out objects that the caller may not read. They list queues only on a
// mount.

// ShmFiles lists the regular files in /dev/shm whose names are not names of semaphores. It leaves out symbolic links,
// directories and other files, which are no shared memory.
func ShmFiles(root sys.Root) ([]vfs.PosixFile, error) {
	files, err := listDevShm(root)
	return slices.DeleteFunc(files, func(f vfs.PosixFile) bool {
		return !f.Mode.IsRegular() || strings.HasPrefix(f.Name, semPrefix)
	}), err
}

// Sems lists the named semaphores that the caller may read. It leaves out files with a semaphore's name and other
// contents.
func Sems(root sys.Root) ([]Sem, error) {
	sems, err := AllSems(root, true)
	return slices.DeleteFunc(sems, func(s Sem) bool { return !s.HasValue }), err
}

// ErrNotMounted means that /dev/mqueue is no mqueue file system.
var ErrNotMounted = errors.New("no mqueue file system is mounted")

// Queues lists the message queues that the caller may read. It needs an mqueue file system at /dev/mqueue; else the
// error is ErrNotMounted. Reading a queue's file changes its atime. It takes no message.
func Queues(root sys.Root) ([]Queue, error) {
	if root.Live() {
		mount, err := mqueueMount()
		if err != nil {
			return nil, err
		}
		unix.Close(mount)
	} else if _, err := root.Stat(devMqueue, 0); err != nil {
		return nil, fmt.Errorf("%s: %w", devMqueue, ErrNotMounted)
	}
	queues, err := AllQueues(root, true, true)
	return slices.DeleteFunc(queues, func(q Queue) bool { return !q.HasStatus }), err
}
