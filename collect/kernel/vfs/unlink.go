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
)

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

// UnlinkSame removes a name in a directory, if its file still is the same. Between the two system calls stands only the
// comparison. Errors: ErrChanged, and those of man 2 statx and man 2 unlinkat.
func UnlinkSame(dir int, name string, same Same) error {
	var x unix.Statx_t
	if err := statAt(dir, name, &x); err != nil {
		return err
	}
	if sameOf(&x, same.Checks) != same {
		return ErrChanged
	}
	return unix.Unlinkat(dir, name, 0)
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
