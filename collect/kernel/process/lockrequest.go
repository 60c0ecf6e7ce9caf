package process

import (
	"fmt"
	"math"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/fdinfo"
	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// LockRequest reads the lock that a thread waits for in fcntl(F_SETLKW, F_OFD_SETLKW). It reads the process's memory,
// which needs the right to ptrace the process. It knows only ranges from the file's start (SEEK_SET). ErrOtherCall:
// the thread is not in such a call.
func (p Dir) LockRequest(c BlockedCall) (mode string, start, end uint64, err error) {
	if call, _, ok := c.File(); !ok || call != "fcntl" || !p.live {
		return "", 0, 0, ErrOtherCall
	}
	var lock unix.Flock_t
	size := int(unsafe.Sizeof(lock))
	if err := p.readMemory(c.TID, c.Args[2], unsafe.Slice((*byte)(unsafe.Pointer(&lock)), size)); err != nil {
		return "", 0, 0, err
	}
	if now, err := p.blockedCall(c.TID, nil); err != nil || now != c || lock.Whence != unix.SEEK_SET {
		return "", 0, 0, ErrOtherCall
	}
	return lockRange(lock)
}

// lockRange turns struct flock into the mode and range of /proc/locks (flock_to_posix_lock, fs/locks.c).
func lockRange(lock unix.Flock_t) (mode string, start, end uint64, err error) {
	mode = map[int16]string{unix.F_RDLCK: "READ", unix.F_WRLCK: "WRITE"}[lock.Type]
	first, last := lock.Start, int64(math.MaxInt64)
	switch {
	case lock.Len > 0 && lock.Start <= math.MaxInt64-(lock.Len-1):
		last = lock.Start + lock.Len - 1
	case lock.Len < 0:
		first, last = lock.Start+lock.Len, lock.Start-1
	}
	if mode == "" || lock.Start < 0 || first < 0 || last < first {
		return "", 0, 0, ErrOtherCall
	}
	if last == math.MaxInt64 {
		return mode, uint64(first), fdinfo.EOF, nil
	}
	return mode, uint64(first), uint64(last), nil
}

// FileSize is the size in bytes of the file behind a descriptor. It does not ask a remote server.
func FileSize(root sys.Root, pid, fd int) (uint64, error) {
	path := "/proc/" + strconv.Itoa(pid) + "/fd/" + strconv.Itoa(fd)
	if !root.Live() {
		return 0, fmt.Errorf("stat %s: %w", path, sys.ErrNotLive)
	}
	var st unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, path, unix.AT_STATX_DONT_SYNC, unix.STATX_SIZE, &st); err != nil {
		return 0, fmt.Errorf("stat %s: %w", path, err)
	}
	return st.Size, nil
}
