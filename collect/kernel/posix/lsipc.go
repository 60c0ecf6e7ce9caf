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

// The lists as util-linux 2.41 has them: without what may not be read, and queues only where they are mounted.

// ShmFiles lists the regular files in /dev/shm that are not named like semaphores. Symbolic links, directories and the
// like are no shared memory and are left out.
func ShmFiles(root sys.Root) ([]vfs.PosixFile, error) {
	files, err := listDevShm(root)
	return slices.DeleteFunc(files, func(f vfs.PosixFile) bool {
		return !f.Mode.IsRegular() || strings.HasPrefix(f.Name, semPrefix)
	}), err
}

// Sems lists the named semaphores that may be read. Files of the right name with other contents are left out.
func Sems(root sys.Root) ([]Sem, error) {
	sems, err := AllSems(root, true)
	return slices.DeleteFunc(sems, func(s Sem) bool { return !s.HasValue }), err
}

// ErrNotMounted says that /dev/mqueue is no mqueue file system.
var ErrNotMounted = errors.New("no mqueue file system is mounted")

// Queues lists the message queues that may be read, if there is a file system of them at /dev/mqueue: else
// ErrNotMounted. Reading a queue's file moves its atime, and takes no message.
func Queues(root sys.Root) ([]Queue, error) {
	var sfs unix.Statfs_t
	if err := unix.Statfs(root.Path(devMqueue), &sfs); err != nil || root.Live() && sfs.Type != mqueueMagic {
		return nil, fmt.Errorf("%s: %w", devMqueue, ErrNotMounted)
	}
	queues, err := AllQueues(root, true, true)
	return slices.DeleteFunc(queues, func(q Queue) bool { return !q.HasStatus }), err
}
