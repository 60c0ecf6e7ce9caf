package kernel

import (
	"os"

	"github.com/ipctop/ipctop/collect/kernel/posix"
	"github.com/ipctop/ipctop/collect/kernel/vfs"
)

// PosixMsgCreate makes a message queue with the system's default size (mq_open, O_CREAT | O_EXCL).
func (a *Admin) PosixMsgCreate(name string, mode uint32) error { return posix.MsgCreate(name, mode) }

// PosixMsgRemove removes a queue's name (mq_unlink). The queue lives until its last descriptor is closed.
func (a *Admin) PosixMsgRemove(name string) error { return posix.MsgRemove(name) }

// PosixShmCreate makes shared memory of size bytes (shm_open, O_CREAT | O_EXCL, then ftruncate).
func (a *Admin) PosixShmCreate(name string, size uint64, mode uint32) error {
	return posix.ShmCreate(name, size, mode)
}

// PosixShmRemove removes the name of shared memory (shm_unlink). The memory lives until its last mapping ends.
func (a *Admin) PosixShmRemove(name string) error { return posix.ShmRemove(name) }

// PosixSemCreate makes a named semaphore (sem_open, O_CREAT | O_EXCL).
func (a *Admin) PosixSemCreate(name string, value uint32, mode uint32) error {
	return posix.SemCreate(name, value, mode)
}

// PosixSemRemove removes a semaphore's name (sem_unlink). The semaphore lives as long as a process has it open.
func (a *Admin) PosixSemRemove(name string) error { return posix.SemRemove(name) }

// PosixMsgRemoveSame unlinks a queue by its name ("/name"), if the file still is the same.
func (a *Admin) PosixMsgRemoveSame(name string, same vfs.Same) error {
	return posix.MsgRemoveSame(name, same)
}

// PosixShmRemoveSame unlinks a file of /dev/shm by its name ("/name"; shm_unlink(3)), with the same condition.
func (a *Admin) PosixShmRemoveSame(name string, same vfs.Same) error {
	return posix.ShmRemoveSame(name, same)
}

// PosixSemRemoveSame unlinks a named semaphore (sem_unlink(3)), with the same condition.
func (a *Admin) PosixSemRemoveSame(name string, same vfs.Same) error {
	return posix.SemRemoveSame(name, same)
}

// PosixShmRemoveIn unlinks a file of another mount namespace's /dev/shm, with the same condition.
func (a *Admin) PosixShmRemoveIn(dir posix.ShmDir, name string, same vfs.Same) error {
	return posix.ShmRemoveIn(dir, name, same)
}

// PosixSemRemoveIn unlinks a named semaphore of another mount namespace's /dev/shm, with the same condition.
func (a *Admin) PosixSemRemoveIn(dir posix.ShmDir, name string, same vfs.Same) error {
	return posix.SemRemoveIn(dir, name, same)
}

// MqOpen opens a queue by its name ("/name"; man 2 mq_open) and returns a descriptor.
func (a *Admin) MqOpen(name string, flags int, perms uint32, attr *posix.MqAttr) (int, error) {
	return posix.MqOpen(name, flags, perms, attr)
}

// MqSend puts a message into a queue. It blocks while the queue is full; with O_NONBLOCK the error is EAGAIN.
func (a *Admin) MqSend(fd int, data []byte, priority uint) error {
	return posix.MqSend(fd, data, priority)
}

// MqReceive takes the oldest message of the highest priority. size is at least the queue's msgsize, in bytes.
func (a *Admin) MqReceive(fd, size int) (data []byte, priority uint, err error) {
	return posix.MqReceive(fd, size)
}

// MqNotify asks for a signal to this process. The kernel sends it when a message arrives in the empty queue
// (mq_notify(3), SIGEV_SIGNAL).
func (a *Admin) MqNotify(fd, signal int) error { return posix.MqNotify(fd, signal) }

// ShmOpen opens shared memory by its name ("/name"), like shm_open(3), and returns a descriptor.
func (a *Admin) ShmOpen(name string, flags int, perms uint32) (int, error) {
	return posix.ShmOpen(name, flags, perms)
}

// PosixSemOpenNew makes a named semaphore that programs with glibc can open (sem_open(3)).
func (a *Admin) PosixSemOpenNew(name string, perms, value uint32) (fd int, temp string, err error) {
	return posix.SemOpenNew(name, perms, value)
}

// PosixSemWait subtracts 1 from a semaphore that this process has mapped. It sleeps while the value is 0.
func (a *Admin) PosixSemWait(sem []byte) error { return posix.SemWait(sem) }

// PosixMsgChange changes owner, group and permissions of a queue, if its file still has this device and inode number.
func (a *Admin) PosixMsgChange(name string, dev, ino uint64, c vfs.FileChange) error {
	return posix.MsgChange(name, dev, ino, c)
}

// PosixShmChange changes a file of /dev/shm, with the same condition.
func (a *Admin) PosixShmChange(name string, dev, ino uint64, c vfs.FileChange) error {
	return posix.ShmChange(name, dev, ino, c)
}

// PosixSemChange changes a named semaphore, with the same condition.
func (a *Admin) PosixSemChange(name string, dev, ino uint64, c vfs.FileChange) error {
	return posix.SemChange(name, dev, ino, c)
}

// PosixShmChangeIn changes a file of another mount namespace's /dev/shm, with the same condition.
func (a *Admin) PosixShmChangeIn(d posix.ShmDir, name string, dev, ino uint64, c vfs.FileChange) error {
	return posix.ShmChangeIn(d, name, dev, ino, c)
}

// PosixSemChangeIn changes a named semaphore of another mount namespace's /dev/shm, with the same condition.
func (a *Admin) PosixSemChangeIn(d posix.ShmDir, name string, dev, ino uint64, c vfs.FileChange) error {
	return posix.SemChangeIn(d, name, dev, ino, c)
}

// PosixShmMake makes shared memory by its name ("/name"). fill writes it. If anything fails, nothing is left of it.
func (a *Admin) PosixShmMake(name string, owner posix.FileOwner, fill func(*os.File) error) error {
	return posix.ShmMake(name, owner, fill)
}

// PosixSemMake makes a named semaphore with an owner.
func (a *Admin) PosixSemMake(name string, value uint32, owner posix.FileOwner) error {
	return posix.SemMake(name, value, owner)
}

// PosixMsgMake makes a queue with an owner. fill gets a descriptor that does not block.
func (a *Admin) PosixMsgMake(name string, attr posix.MqAttr, owner posix.FileOwner, fill func(fd int) error) error {
	return posix.MsgMake(name, attr, owner, fill)
}
