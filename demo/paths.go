package demo

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// removePaths removes the directories of the demo, with its FIFOs, sockets and files.
func removePaths(things []entry, report *Report) error {
	var errs []error
	for _, dir := range things {
		if dir.Kind == "dir" {
			errs = append(errs, removeDir(dir, things, report))
		}
	}
	return errors.Join(errs...)
}

func removeDir(dir entry, things []entry, report *Report) error {
	// The descriptor stays with this directory, even if somebody renames it.
	fd, err := unix.Open(dir.Path, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	switch {
	case err == unix.ENOENT:
		return nil
	case err == unix.ENOTDIR || err == unix.ELOOP:
		report.left(dir.Path, "it is no longer the demo's directory")
		return nil
	case err != nil:
		return fmt.Errorf("open %s: %w", dir.Path, err)
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return fmt.Errorf("stat %s: %w", dir.Path, err)
	}
	if !sameDir(dir, st) {
		report.left(dir.Path, "it is no longer the demo's directory")
		return nil
	}
	var errs []error
	for _, e := range things {
		if (e.Kind == "fifo" || e.Kind == "socket" || e.Kind == "file") && filepath.Dir(e.Path) == dir.Path {
			errs = append(errs, removeIn(fd, e, report))
		}
	}
	switch err := unix.Rmdir(dir.Path); err {
	case nil:
		report.removed("directory %s", dir.Path)
	case unix.ENOENT:
	case unix.ENOTEMPTY:
		report.left(dir.Path, "it holds what the demo did not make")
	default:
		errs = append(errs, fmt.Errorf("remove %s: %w", dir.Path, err))
	}
	return errors.Join(errs...)
}

// sameDir compares the identities. An entry with only the announcement has no identity. Then the directory must belong
// to this user, be private and be new.
func sameDir(dir entry, st unix.Stat_t) bool {
	if dir.Event == "made" {
		return st.Dev == dir.Dev && st.Ino == dir.Ino
	}
	return int(st.Uid) == os.Geteuid() && st.Mode&0o777 == 0o700 && st.Ctim.Sec >= dir.Time-1
}

// removeIn removes a FIFO, socket or file from the directory of the demo.
func removeIn(dirfd int, e entry, report *Report) error {
	name := filepath.Base(e.Path)
	var st unix.Stat_t
	err := unix.Fstatat(dirfd, name, &st, unix.AT_SYMLINK_NOFOLLOW)
	if err == unix.ENOENT {
		return nil
	}
	if err != nil {
		return fmt.Errorf("stat %s: %w", e.Path, err)
	}
	format := map[string]uint32{"fifo": unix.S_IFIFO, "socket": unix.S_IFSOCK, "file": unix.S_IFREG}[e.Kind]
	if st.Mode&unix.S_IFMT != format || e.Event == "made" && (st.Dev != e.Dev || st.Ino != e.Ino) {
		report.left(e.Path, "the name is now another's")
		return nil
	}
	if err := unix.Unlinkat(dirfd, name, 0); err != nil && err != unix.ENOENT {
		return fmt.Errorf("remove %s: %w", e.Path, err)
	}
	report.removed("%s %s", e.Kind, e.Path)
	return nil
}
