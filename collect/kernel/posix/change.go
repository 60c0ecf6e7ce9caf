package posix

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// MsgCreate makes a message queue with the system's default size (mq_open, O_CREAT | O_EXCL). The name begins with a
// slash. The mode is cut by the umask. It works whether or not the mqueue file system is mounted.
func MsgCreate(name string, mode uint32) error {
	bare, err := queueName(name)
	if err != nil {
		return fmt.Errorf("mq_open %s: %w", name, err)
	}
	flags := unix.O_RDWR | unix.O_CREAT | unix.O_EXCL | unix.O_CLOEXEC
	fd, _, errno := unix.Syscall6(unix.SYS_MQ_OPEN, uintptr(unsafe.Pointer(bare)), uintptr(flags), uintptr(mode), 0, 0, 0)
	if errno != 0 {
		return fmt.Errorf("mq_open %s: %w", name, errno)
	}
	return unix.Close(int(fd))
}

// MsgRemove takes a queue's name away (mq_unlink); the queue lives until its last descriptor is closed.
// Missing rights are EACCES, as POSIX wants it.
func MsgRemove(name string) error {
	bare, err := queueName(name)
	if err != nil {
		return fmt.Errorf("mq_unlink %s: %w", name, err)
	}
	if _, _, errno := unix.Syscall(unix.SYS_MQ_UNLINK, uintptr(unsafe.Pointer(bare)), 0, 0); errno != 0 {
		return fmt.Errorf("mq_unlink %s: %w", name, notPermitted(errno))
	}
	return nil
}

// ShmCreate makes shared memory of so many bytes (shm_open, O_CREAT | O_EXCL, then ftruncate). If it cannot have its
// size, it is not left behind.
func ShmCreate(name string, size uint64, mode uint32) error {
	path, ok := pathOf(name, "")
	if !ok {
		return fmt.Errorf("shm_open %s: %w", name, unix.EINVAL)
	}
	fd, err := createFile(path, mode)
	if err != nil {
		return fmt.Errorf("shm_open %s: %w", name, err)
	}
	defer unix.Close(fd)
	if err := unix.Ftruncate(fd, int64(size)); err != nil {
		unix.Unlink(path)
		return fmt.Errorf("ftruncate %s: %w", name, err)
	}
	return nil
}

// ShmRemove takes shared memory's name away (shm_unlink); it lives until its last mapping ends.
// A name that cannot be one does not exist: ENOENT.
func ShmRemove(name string) error {
	return removeFile("shm_unlink", name, "")
}

// SemCreate makes a named semaphore (sem_open, O_CREAT | O_EXCL). As glibc does it, the file gets its contents before
// it gets its name, so that nobody opens half a semaphore.
func SemCreate(name string, value uint32, mode uint32) error {
	path, ok := pathOf(name, semPrefix)
	if !ok {
		return fmt.Errorf("sem_open %s: %w", name, unix.EINVAL)
	}
	if value > semMax {
		return fmt.Errorf("sem_open %s: %w", name, unix.EINVAL)
	}
	var data [semSize]byte
	binary.LittleEndian.PutUint32(data[0:], value)
	binary.LittleEndian.PutUint32(data[8:], semShared)
	unnamed := devShm + "/sem.ipctop." + strconv.Itoa(os.Getpid())
	fd, err := createFile(unnamed, mode)
	if err != nil {
		return fmt.Errorf("sem_open %s: %w", name, err)
	}
	defer unix.Unlink(unnamed)
	defer unix.Close(fd)
	if _, err := unix.Write(fd, data[:]); err != nil {
		return fmt.Errorf("sem_open %s: %w", name, err)
	}
	if err := unix.Link(unnamed, path); err != nil { // EEXIST if there is one: link never replaces
		return fmt.Errorf("sem_open %s: %w", name, err)
	}
	return nil
}

// SemRemove takes a semaphore's name away (sem_unlink); it lives as long as somebody has it open.
func SemRemove(name string) error {
	return removeFile("sem_unlink", name, semPrefix)
}

// createFile is open(2) of a file that must not be there.
func createFile(path string, mode uint32) (int, error) {
	return unix.Open(path, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, mode)
}

func removeFile(call, name, prefix string) error {
	path, ok := pathOf(name, prefix)
	if !ok {
		return fmt.Errorf("%s %s: %w", call, name, unix.ENOENT)
	}
	// Never a directory, and not what a link points at: unlink(2) does neither.
	if err := unix.Unlink(path); err != nil {
		var errno unix.Errno
		if errors.As(err, &errno) {
			err = notPermitted(errno)
		}
		return fmt.Errorf("%s %s: %w", call, name, err)
	}
	return nil
}

// notPermitted turns unlink's EPERM into EACCES, the only error that POSIX has for missing rights here; glibc does
// the same.
func notPermitted(errno unix.Errno) error {
	if errno == unix.EPERM {
		return unix.EACCES
	}
	return errno
}

// queueName takes off the slash that mq_open wants and the kernel does not (man 3 mq_open).
func queueName(name string) (*byte, error) {
	bare, ok := strings.CutPrefix(name, "/")
	if !ok {
		return nil, unix.EINVAL
	}
	return unix.BytePtrFromString(bare)
}
