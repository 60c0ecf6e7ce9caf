package posix

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/vfs"
)

// ErrChanged means that the name leads to another file than before.
var ErrChanged = vfs.ErrChanged

// MsgRemoveSame unlinks a queue by its name ("/name"), if the file still is the same. Processes
// with an open descriptor go on using the queue. It ends with its last descriptor (mq_unlink(3)). Errors: ErrChanged,
// fs.ErrNotExist, fs.ErrPermission.
func MsgRemoveSame(name string, same vfs.Same) error {
	file := strings.TrimPrefix(name, "/")
	if err := vfs.PlainName(file); err != nil {
		return fmt.Errorf("remove queue %s: %w", name, err)
	}
	dir, err := openQueues()
	if sys.Denied(err) {
		return removeOpened(file, same)
	}
	if err != nil {
		return fmt.Errorf("remove queue %s: %w", name, err)
	}
	defer unix.Close(dir)
	return unlinkSame(dir, file, same)
}

// removeOpened opens the queue to read its inode, then unlinks it. An ordinary user without a mount of the file
// system has only this way.
func removeOpened(file string, same vfs.Same) error {
	q, err := openedQueue(file)
	if err != nil {
		return fmt.Errorf("remove queue /%s: %w", file, err)
	}
	if vfs.SameAs(&q.PosixFile, same.Checks) != same {
		return fmt.Errorf("remove queue /%s: %w", file, ErrChanged)
	}
	return MsgRemove("/" + file)
}

// ShmRemoveSame unlinks a file of /dev/shm by its name ("/name"; shm_unlink(3)), with the same condition and errors.
// The kernel frees the memory after its last mapping and descriptor. ShmRemoveSame unlinks a symbolic link itself. A
// directory is EISDIR.
func ShmRemoveSame(name string, same vfs.Same) error {
	return removeDevShm(name, strings.TrimPrefix(name, "/"), same)
}

// SemRemoveSame unlinks a named semaphore (sem_unlink(3)), with the same condition and errors.
func SemRemoveSame(name string, same vfs.Same) error {
	return removeDevShm(name, semPrefix+strings.TrimPrefix(name, "/"), same)
}

// ShmRemoveIn is ShmRemoveSame in the directory that some processes have at /dev/shm.
func ShmRemoveIn(d ShmDir, name string, same vfs.Same) error {
	return removeIn(d.fd, name, strings.TrimPrefix(name, "/"), same)
}

// SemRemoveIn is SemRemoveSame in the directory that some processes have at /dev/shm.
func SemRemoveIn(d ShmDir, name string, same vfs.Same) error {
	return removeIn(d.fd, name, semPrefix+strings.TrimPrefix(name, "/"), same)
}

func removeDevShm(name, file string, same vfs.Same) error {
	return inOwn("", func(d ShmDir) error { return removeIn(d.fd, name, file, same) })
}

// removeIn unlinks a file of an open directory. name is the name of the object ("/name").
func removeIn(dir int, name, file string, same vfs.Same) error {
	if err := vfs.PlainName(file); err != nil {
		return fmt.Errorf("remove %s: %w", name, err)
	}
	return unlinkSame(dir, file, same)
}

// unlinkSame removes a name. No call of Linux unlinks by inode, so that the file may change between check and removal.
func unlinkSame(dir int, file string, same vfs.Same) error {
	if err := vfs.UnlinkSame(dir, file, same); err != nil {
		return fmt.Errorf("remove /%s: %w", file, err)
	}
	return nil
}

// MqOpen opens a queue by its name ("/name"; man 2 mq_open) and returns a descriptor. flags are O_RDONLY, O_WRONLY or
// O_RDWR with O_CREAT, O_EXCL, O_NONBLOCK. attr may be nil: then the defaults of /proc/sys/fs/mqueue hold. It needs
// no mount.
func MqOpen(name string, flags int, perms uint32, attr *MqAttr) (int, error) {
	var in *mqAttr
	if attr != nil {
		in = &mqAttr{maxMsg: attr.MaxMsg, msgSize: attr.MsgSize}
	}
	return mqOpen(strings.TrimPrefix(name, "/"), flags, perms, in)
}

// MqSend puts a message into a queue. It blocks while the queue is full; with O_NONBLOCK the error is EAGAIN.
func MqSend(fd int, data []byte, priority uint) error {
	p := unsafe.Pointer(unsafe.SliceData(append(data, 0))) // never nil
	err := sys.RetryEINTR(func() error {
		_, _, errno := unix.Syscall6(unix.SYS_MQ_TIMEDSEND, uintptr(fd), uintptr(p), uintptr(len(data)),
			uintptr(priority), 0, 0)
		return sys.ErrnoError(errno)
	})
	if err != nil {
		return fmt.Errorf("mq_send: %w", err)
	}
	return nil
}

// MqReceive takes the oldest message of the highest priority. size is at least the queue's msgsize, in bytes. It
// blocks while the queue is empty; with O_NONBLOCK the error is EAGAIN.
func MqReceive(fd, size int) (data []byte, priority uint, err error) {
	buf := make([]byte, size+1)
	var n uintptr
	var prio uint32
	err = sys.RetryEINTR(func() error {
		var errno unix.Errno
		n, _, errno = unix.Syscall6(unix.SYS_MQ_TIMEDRECEIVE, uintptr(fd), uintptr(unsafe.Pointer(&buf[0])),
			uintptr(size), uintptr(unsafe.Pointer(&prio)), 0, 0)
		return sys.ErrnoError(errno)
	})
	if err != nil {
		return nil, 0, fmt.Errorf("mq_receive: %w", err)
	}
	return buf[:n], uint(prio), nil
}

// sigevent is struct sigevent (include/uapi/asm-generic/siginfo.h), 64 bytes.
type sigevent struct {
	value         uint64
	signo, notify int32
	_             [48]byte
}

var _ [64]byte = [unsafe.Sizeof(sigevent{})]byte{}

// MqNotify asks for a signal to this process. The kernel sends it when a message arrives in the empty queue
// (mq_notify(3), SIGEV_SIGNAL).
func MqNotify(fd, signal int) error {
	ev := sigevent{signo: int32(signal)}
	if _, _, errno := unix.Syscall(unix.SYS_MQ_NOTIFY, uintptr(fd), uintptr(unsafe.Pointer(&ev)), 0); errno != 0 {
		return fmt.Errorf("mq_notify: %w", errno)
	}
	return nil
}

// ShmOpen opens shared memory by its name ("/name"), like shm_open(3), and returns a descriptor. flags are O_RDONLY
// or O_RDWR with O_CREAT, O_EXCL, O_TRUNC.
func ShmOpen(name string, flags int, perms uint32) (int, error) {
	file := strings.TrimPrefix(name, "/")
	if err := vfs.PlainName(file); err != nil {
		return -1, fmt.Errorf("shm_open %s: %w", name, err)
	}
	fd, err := -1, ownMayHang()
	if err == nil {
		fd, err = unix.Open(devShm+"/"+file, flags|unix.O_NOFOLLOW|unix.O_CLOEXEC|unix.O_NONBLOCK, perms)
	}
	if err != nil {
		return -1, fmt.Errorf("shm_open %s: %w", name, err)
	}
	return fd, nil
}

// SemOpenNew makes a named semaphore that programs with glibc can open (sem_open(3)). Like glibc, it completes a
// temporary file, then links the name to it. link fails with EEXIST if the name exists. temp is the path of the
// temporary file. If this process maps the file, its /proc/PID/maps goes on showing temp.
func SemOpenNew(name string, perms, value uint32) (fd int, temp string, err error) {
	file := strings.TrimPrefix(name, "/")
	if err := vfs.PlainName(file); err != nil {
		return -1, "", fmt.Errorf("sem_open %s: %w", name, err)
	}
	temp = devShm + "/" + semPrefix + strconv.FormatInt(time.Now().UnixNano()%1e6, 36) + strconv.Itoa(unix.Gettid())
	if err := ownMayHang(); err != nil {
		return -1, "", fmt.Errorf("sem_open %s: %w", name, err)
	}
	fd, err = unix.Open(temp, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC|unix.O_NOFOLLOW, perms)
	if err != nil {
		return -1, "", fmt.Errorf("sem_open %s: %w", name, err)
	}
	defer unix.Unlink(temp)
	var sem [semSize]byte
	binary.NativeEndian.PutUint32(sem[0:], value)
	binary.NativeEndian.PutUint32(sem[8:], semShared) // shared between processes (FUTEX_PRIVATE_FLAG inverted)
	if _, err = unix.Write(fd, sem[:]); err == nil {
		err = unix.Link(temp, devShm+"/"+semPrefix+file)
	}
	if err != nil {
		unix.Close(fd)
		return -1, "", fmt.Errorf("sem_open %s: %w", name, err)
	}
	return fd, temp, nil
}

// SemWait subtracts 1 from a semaphore that this process has mapped, like glibc's sem_wait(3). It sleeps while the
// value is 0.
func SemWait(sem []byte) error {
	const futexWaitBitset, anyBit = 9, 0xffffffff
	value := (*uint32)(unsafe.Pointer(&sem[0]))
	waiters := (*uint32)(unsafe.Pointer(&sem[4]))
	defer runtime.KeepAlive(sem)
	atomic.AddUint32(waiters, 1)
	defer atomic.AddUint32(waiters, ^uint32(0))
	for {
		if n := atomic.LoadUint32(value); n > 0 {
			if atomic.CompareAndSwapUint32(value, n, n-1) {
				return nil
			}
			continue
		}
		_, _, errno := unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(value)), futexWaitBitset, 0, 0, 0, anyBit)
		if errno != 0 && errno != unix.EAGAIN && errno != unix.EINTR {
			return fmt.Errorf("sem_wait: %w", errno)
		}
	}
}
