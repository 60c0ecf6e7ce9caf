package kernel

import (
	"os"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/posix"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/vfs"
)

// DevShmIsTmpfs is true if memory backs /dev/shm (TMPFS_MAGIC, RAMFS_MAGIC: man 2 statfs).
func (h *Host) DevShmIsTmpfs() (bool, error) { return posix.DevShmIsTmpfs(h.Root) }

// DevShmFiles lists the entries of /dev/shm by name, without semaphores.
func (h *Host) DevShmFiles() ([]vfs.PosixFile, error) { return posix.DevShmFiles(h.Root) }

// AllPosixSems lists the named semaphores by file name and size. With values set it reads their values too.
func (h *Host) AllPosixSems(values bool) ([]posix.Sem, error) { return posix.AllSems(h.Root, values) }

// PosixShmStat reads one file of /dev/shm by its name ("/name").
func (h *Host) PosixShmStat(name string) (vfs.PosixFile, error) { return posix.ShmStat(h.Root, name) }

// PosixSemStat reads the file of one semaphore by its name ("/name"), without its value.
func (h *Host) PosixSemStat(name string) (vfs.PosixFile, error) { return posix.SemStat(h.Root, name) }

// ReadPosixShm reads shared memory by its name ("/name"), if the file still has this device and inode number.
func (h *Host) ReadPosixShm(name string, dev, ino, offset uint64, buf []byte) (int, error) {
	return posix.ReadShm(h.Root, name, dev, ino, offset, buf)
}

// PosixShmLikely is true if a file of /dev/shm looks like shared memory. It is false for a file that a person keeps
// there.
func (h *Host) PosixShmLikely(f *vfs.PosixFile) bool { return posix.ShmLikely(h.Root, f) }

// MqLimits reads the limits of POSIX message queues (/proc/sys/fs/mqueue).
func (h *Host) MqLimits() (posix.MqLimits, error) { return posix.ReadMqLimits(h.Root) }

// DevShmUse reads the size and use of the file system at /dev/shm.
func (h *Host) DevShmUse() (posix.DevShmUse, error) { return posix.ReadDevShmUse(h.Root) }

// DevShmDevice is the device (st_dev) of /dev/shm. ok is false on a machine without /dev/shm.
func (h *Host) DevShmDevice() (dev uint64, ok bool, err error) { return posix.DevShmDevice(h.Root) }

// PosixShmFiles lists the regular files in /dev/shm whose names are not names of semaphores.
func (h *Host) PosixShmFiles() ([]vfs.PosixFile, error) { return posix.ShmFiles(h.Root) }

// PosixSems lists the named semaphores that the caller may read.
func (h *Host) PosixSems() ([]posix.Sem, error) { return posix.Sems(h.Root) }

// PosixQueues lists the message queues that the caller may read. It needs an mqueue file system at /dev/mqueue.
func (h *Host) PosixQueues() ([]posix.Queue, error) { return posix.Queues(h.Root) }

// AllPosixQueues lists the queues of our IPC namespace by name.
func (h *Host) AllPosixQueues(attr, status bool) ([]posix.Queue, error) {
	return posix.AllQueues(h.Root, attr, status)
}

// PosixQueueStat reads the file of one queue by its name ("/name"). It reads the attributes if the caller may.
func (h *Host) PosixQueueStat(name string) (posix.Queue, error) { return posix.QueueStat(h.Root, name) }

// OwnShmDir opens our own /dev/shm. fs.ErrNotExist: the machine has none.
func (h *Host) OwnShmDir() (posix.ShmDir, error) { return posix.OwnShmDir(h.Root) }

// ShmDirOf opens the directory that a process has at /dev/shm, and tells its path from the process's root. It asks no
// dead server: see process.Dir.OpenDirectory. posix.IsMissing is true for the error if the process has none.
func (h *Host) ShmDirOf(dir process.Dir, hangs func(path []byte) bool) (posix.ShmDir, string, error) {
	fd, path, err := dir.OpenDirectory("/dev/shm", hangs)
	if err != nil {
		return posix.ShmDir{}, "", err
	}
	d, err := posix.DirectoryOf(fd)
	if err != nil {
		unix.Close(fd)
	}
	return d, path, err
}

// VisitShm runs do with the /dev/shm of another mount namespace. fs.ErrNotExist: the way does not lead there any more.
func (h *Host) VisitShm(way posix.ShmWay, do func(posix.ShmDir) error) error {
	proc, err := h.OpenProc(way.PID)
	if err != nil {
		return err
	}
	defer proc.Close()
	dir, _, err := h.ShmDirOf(proc, nil)
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := way.Check(dir); err != nil {
		return err
	}
	return do(dir)
}

// OpenPosixShm opens shared memory by its name ("/name") for reading, if the file still has this device and inode
// number. The caller closes the file.
func (h *Host) OpenPosixShm(name string, dev, ino uint64) (*os.File, error) {
	if !h.Live() {
		return nil, sys.ErrNotLive
	}
	return posix.OpenShm(name, dev, ino)
}
