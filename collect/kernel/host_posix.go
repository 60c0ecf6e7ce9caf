package kernel

import (
	"github.com/ipctop/ipctop/collect/kernel/posix"
	"github.com/ipctop/ipctop/collect/kernel/vfs"
)

// DevShmIsTmpfs says whether /dev/shm is kept in memory (TMPFS_MAGIC, RAMFS_MAGIC: man 2 statfs).
func (h *Host) DevShmIsTmpfs() (bool, error) { return posix.DevShmIsTmpfs(h.Root) }

// DevShmFiles lists what lies in /dev/shm but is no semaphore, by name.
func (h *Host) DevShmFiles() ([]vfs.PosixFile, error) { return posix.DevShmFiles(h.Root) }

// AllPosixSems lists the files that are named semaphores by name and size, with their values if values is set.
func (h *Host) AllPosixSems(values bool) ([]posix.Sem, error) { return posix.AllSems(h.Root, values) }

// PosixShmStat reads one file of /dev/shm by its name ("/name").
func (h *Host) PosixShmStat(name string) (vfs.PosixFile, error) { return posix.ShmStat(h.Root, name) }

// PosixSemStat reads the file of one semaphore by its name ("/name"), not its value.
func (h *Host) PosixSemStat(name string) (vfs.PosixFile, error) { return posix.SemStat(h.Root, name) }

// ReadPosixShm reads shared memory by its name ("/name"), if it is still the file with this device and inode number.
func (h *Host) ReadPosixShm(name string, dev, ino, offset uint64, buf []byte) (int, error) {
	return posix.ReadShm(h.Root, name, dev, ino, offset, buf)
}

// PosixShmLikely says whether a file of /dev/shm looks like memory rather than like a file that somebody keeps there.
func (h *Host) PosixShmLikely(f *vfs.PosixFile) bool { return posix.ShmLikely(h.Root, f) }

// MqLimits reads /proc/sys/fs/mqueue.
func (h *Host) MqLimits() (posix.MqLimits, error) { return posix.ReadMqLimits(h.Root) }

// DevShmUse asks the file system of /dev/shm.
func (h *Host) DevShmUse() (posix.DevShmUse, error) { return posix.ReadDevShmUse(h.Root) }

// DevShmDevice is the device (st_dev) of /dev/shm; ok is false where there is none.
func (h *Host) DevShmDevice() (dev uint64, ok bool, err error) { return posix.DevShmDevice(h.Root) }

// PosixShmFiles lists the regular files in /dev/shm that are not named like semaphores.
func (h *Host) PosixShmFiles() ([]vfs.PosixFile, error) { return posix.ShmFiles(h.Root) }

// PosixSems lists the named semaphores that may be read.
func (h *Host) PosixSems() ([]posix.Sem, error) { return posix.Sems(h.Root) }

// PosixQueues lists the message queues that may be read, if there is a file system of them at /dev/mqueue.
func (h *Host) PosixQueues() ([]posix.Queue, error) { return posix.Queues(h.Root) }

// AllPosixQueues lists the queues of our IPC namespace by name.
func (h *Host) AllPosixQueues(attr, status bool) ([]posix.Queue, error) {
	return posix.AllQueues(h.Root, attr, status)
}

// PosixQueueStat reads the file of one queue by its name ("/name"), with its attributes where it may be read.
func (h *Host) PosixQueueStat(name string) (posix.Queue, error) { return posix.QueueStat(h.Root, name) }

// QueueDevice is the device (st_dev) of our IPC namespace's queues, which descriptors on them lead to.
func (h *Host) QueueDevice() (uint64, error) { return posix.QueueDevice(h.Root) }
