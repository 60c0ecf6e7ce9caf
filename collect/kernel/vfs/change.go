package vfs

import (
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"
)

// FileChange names the facts of a file that change. nil means that the fact stays.
type FileChange struct {
	UID, GID *uint32
	Perms    *uint32 // permission bits
	Size     *uint64 // bytes
	Unused   bool    // the size changes only if no process has the file open or mapped; see CheckUnused
}

// ChangeSame changes a file of a directory, if the name still leads to the file with this device and inode number. The
// changes go through an O_PATH descriptor, so all of them reach one file. The order is size, permissions, owner: the
// last may take the right to the others away. Errors: ErrChanged, ErrUsed, and those of truncate(2), chmod(2) and
// chown(2).
func ChangeSame(dir int, name string, dev, ino uint64, c FileChange) error {
	fd, err := unix.Openat(dir, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Dev != dev || st.Ino != ino {
		return ErrChanged
	}
	// fchmod(2) and ftruncate(2) refuse O_PATH descriptors. The link in /proc leads to the same file.
	link := "/proc/self/fd/" + strconv.Itoa(fd)
	if c.Size != nil {
		if err := resize(dir, name, link, &st, c); err != nil {
			return fmt.Errorf("truncate: %w", err)
		}
	}
	if c.Perms != nil {
		if err := unix.Chmod(link, *c.Perms); err != nil {
			return fmt.Errorf("chmod: %w", err)
		}
	}
	uid, gid := -1, -1
	if c.UID != nil {
		uid = int(*c.UID)
	}
	if c.GID != nil {
		gid = int(*c.GID)
	}
	if uid < 0 && gid < 0 {
		return nil
	}
	if err := unix.Fchownat(fd, "", uid, gid, unix.AT_EMPTY_PATH); err != nil {
		return fmt.Errorf("chown: %w", err)
	}
	if c.Perms != nil && *c.Perms&0o7000 != 0 { // chown(2) may take these bits away
		if err := unix.Chmod(link, *c.Perms); err != nil {
			return fmt.Errorf("chmod: %w", err)
		}
	}
	return nil
}

// resize changes the size of a file, under a lease if nobody may use the file. ftruncate(2) does not break the lease of
// its own descriptor; truncate(2) would wait for its end (vfs_truncate in fs/open.c).
func resize(dir int, name, link string, is *unix.Stat_t, c FileChange) error {
	if !c.Unused {
		return unix.Truncate(link, int64(*c.Size))
	}
	fd, err := leaseWhole(dir, name, unix.O_RDWR)
	if err != nil {
		return err
	}
	if fd < 0 {
		return unix.Truncate(link, int64(*c.Size))
	}
	defer unix.Close(fd) // gives the lease back
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Dev != is.Dev || st.Ino != is.Ino {
		return ErrChanged
	}
	if err := stillLeased(fd); err != nil {
		return err
	}
	return unix.Ftruncate(fd, int64(*c.Size))
}
