package vfs

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// ErrChanged means that a name leads to another file than before, or that the file has changed.
var ErrChanged = fmt.Errorf("the name belongs to another object by now: %w", unix.ESTALE)

// Same is what a file must still be when its name is removed. Device and inode number always count.
type Same struct {
	Dev, Ino uint64
	Checks   Checks // what else counts

	UID, GID     uint32
	Mode         fs.FileMode
	Size         uint64
	MTime, CTime int64 // nanoseconds since 1970
}

// Checks are the further properties of a Same that count.
type Checks uint8

const (
	CheckOwner Checks = 1 << iota // owner, group, type and permissions
	CheckUse                      // size and mtime
	CheckCTime
	// CheckUnused is ErrUsed for a regular file that any process has open or mapped, wherever it runs. It holds as far
	// as the kernel grants leases: to the owner and with CAP_LEASE, on most local file systems.
	CheckUnused
)

// ErrUsed means that a process has a file open or mapped.
var ErrUsed = fmt.Errorf("somebody has it open or mapped: %w", unix.EBUSY)

// SameAs is the Same of a file.
func SameAs(f *PosixFile, checks Checks) Same {
	s := Same{Dev: f.Dev, Ino: f.Ino, Checks: checks}
	if checks&CheckOwner != 0 {
		s.UID, s.GID, s.Mode = f.UID, f.GID, f.Mode
	}
	if checks&CheckUse != 0 {
		s.Size, s.MTime = f.Size, f.MTime.UnixNano()
	}
	if checks&CheckCTime != 0 {
		s.CTime = f.CTime.UnixNano()
	}
	return s
}

// sameOf is SameAs for an answer of statx. It allocates nothing.
func sameOf(x *unix.Statx_t, checks Checks) Same {
	s := Same{Dev: unix.Mkdev(x.Dev_major, x.Dev_minor), Ino: x.Ino, Checks: checks}
	if checks&CheckOwner != 0 {
		s.UID, s.GID, s.Mode = x.Uid, x.Gid, fileMode(uint32(x.Mode))
	}
	nanoseconds := func(t unix.StatxTimestamp) int64 { return t.Sec*int64(time.Second) + int64(t.Nsec) }
	if checks&CheckUse != 0 {
		s.Size, s.MTime = x.Size, nanoseconds(x.Mtime)
	}
	if checks&CheckCTime != 0 {
		s.CTime = nanoseconds(x.Ctime)
	}
	return s
}

// UnlinkSame removes a name in a directory, if its file still is the same. Between the last look and the removal stands
// only a comparison. Errors: ErrChanged, ErrUsed, and those of man 2 statx and man 2 unlinkat.
func UnlinkSame(dir int, name string, same Same) error {
	if err := checkSame(dir, name, same); err != nil {
		return err
	}
	if same.Checks&CheckUnused == 0 {
		return unix.Unlinkat(dir, name, 0)
	}
	fd, err := leaseWhole(dir, name, unix.O_RDONLY)
	if err != nil {
		return err
	}
	if fd < 0 {
		return unix.Unlinkat(dir, name, 0)
	}
	defer unix.Close(fd) // gives the lease back
	if err := checkSame(dir, name, same); err != nil {
		return err
	}
	if err := stillLeased(fd); err != nil {
		return err
	}
	return unix.Unlinkat(dir, name, 0)
}

// stillLeased is ErrUsed if somebody wants to open the file: an open that comes now waits for the end of the lease, and
// the kernel has marked the lease as to be given up.
func stillLeased(fd int) error {
	if kind, err := unix.FcntlInt(uintptr(fd), unix.F_GETLEASE, 0); err != nil || kind != unix.F_WRLCK {
		return ErrUsed
	}
	return nil
}

func checkSame(dir int, name string, same Same) error {
	var x unix.Statx_t
	if err := statAt(dir, name, &x); err != nil {
		return err
	}
	if sameOf(&x, same.Checks) != same {
		return ErrChanged
	}
	return nil
}

// leaseWhole takes a write lease. The kernel grants it only if no other open file leads to the file, and a mapping has
// an open file (check_conflicting_open in fs/locks.c). fd is -1 if the kernel gives no leases here. The file is opened
// only on the file system of the directory, so that no dead server is asked. Who opens the file meanwhile waits some
// microseconds; with O_NONBLOCK the error is EWOULDBLOCK. access is O_RDONLY or O_RDWR.
func leaseWhole(dir int, name string, access uint64) (fd int, err error) {
	fd, err = unix.Openat2(dir, name, &unix.OpenHow{
		Flags:   access | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_NO_XDEV | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_BENEATH})
	if err != nil {
		return -1, nil
	}
	_, err = unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, unix.F_WRLCK)
	switch err {
	case nil:
		return fd, nil
	case unix.EAGAIN:
		err = ErrUsed
	default:
		err = nil
	}
	unix.Close(fd)
	return -1, err
}

// UnlinkPath is UnlinkSame for a whole path. It opens the directory first, so that check and removal act in one
// directory, whatever becomes of its path meanwhile.
func UnlinkPath(path string, same Same) error {
	dir, err := unix.Open(filepath.Dir(path), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err == nil {
		defer unix.Close(dir)
		err = UnlinkSame(dir, filepath.Base(path), same)
	}
	if err != nil {
		return fmt.Errorf("remove %s: %w", path, err)
	}
	return nil
}
