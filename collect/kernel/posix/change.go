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
// slash. The umask clears bits of mode. The call needs no mount of the mqueue file system.
func MsgCreate(name string, mode uint32) error {
	bare, err := queueName(name)
	if err != nil {
		return fmt.Errorf("mq_open %s: %w", name, err)
	}
	flags := unix.O_RDWR | unix.O_CREAT | unix.O_EXCL | unix.O_CLOEXEC
	fd, _, errno := unix.Syscall6(unix.SYS_MQ_OPEN, uintptr(unsafe.Pointer(bare)), uintptr(flags),
		uintptr(mode), 0, 0, 0)
	if errno != 0 {
		return fmt.Errorf("mq_open %s: %w", name, errno)
	}
	return unix.Close(int(fd))
}

// MsgRemove removes a queue's name (mq_unlink). The queue lives until its last descriptor is closed. Missing rights
// are EACCES, as in POSIX.
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

// ShmCreate makes shared memory of size bytes (shm_open, O_CREAT | O_EXCL, then ftruncate). If ftruncate fails,
// ShmCreate removes the file again.
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

// ShmRemove removes the name of shared memory (shm_unlink). The memory lives until its last mapping ends. A name that
// POSIX does not allow is ENOENT.
func ShmRemove(name string) error {
	return removeFile("shm_unlink", name, "")
}

// SemCreate makes a named semaphore (sem_open, O_CREAT | O_EXCL). Like glibc, it writes the contents before it gives
// the file its name. So no program opens an incomplete semaphore.
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
	if err := unix.Link(unnamed, path); err != nil { // EEXIST if the name exists: link never replaces
		return fmt.Errorf("sem_open %s: %w", name, err)
	}
	return nil
}

// SemRemove removes a semaphore's name (sem_unlink). The semaphore lives as long as a process has it open.
func SemRemove(name string) error {
	return removeFile("sem_unlink", name, semPrefix)
}

// createFile makes a file by open(2). EEXIST if the file exists.
func createFile(path string, mode uint32) (int, error) {
	if err := ownMayHang(); err != nil {
		return -1, err
	}
	return unix.Open(path, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, mode)
}

func removeFile(call, name, prefix string) error {
	path, ok := pathOf(name, prefix)
	if !ok {
		return fmt.Errorf("%s %s: %w", call, name, unix.ENOENT)
	}
	err := ownMayHang()
	if err == nil {
		err = unix.Unlink(path) // it never removes a directory, and never follows a link
	}
	if err != nil {
		var errno unix.Errno
		if errors.As(err, &errno) {
			err = notPermitted(errno)
		}
		return fmt.Errorf("%s %s: %w", call, name, err)
	}
	return nil
}

// notPermitted turns unlink's EPERM into EACCES, like glibc. POSIX knows only EACCES for missing rights here.
func notPermitted(errno unix.Errno) error {
	if errno == unix.EPERM {
		return unix.EACCES
	}
	return errno
}

// queueName cuts the slash off a name: mq_open takes names with a slash, the kernel names without (man 3 mq_open).
func queueName(name string) (*byte, error) {
	bare, ok := strings.CutPrefix(name, "/")
	if !ok {
		return nil, unix.EINVAL
	}
	return unix.BytePtrFromString(bare)
}
