package vfs

import (
	"fmt"
	"io/fs"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// PosixFile is stat's data on a file (man 2 stat). Most POSIX objects are files.
type PosixFile struct {
	Name      string // the file's name without "/" and "sem."; any bytes
	Dev, Ino  uint64 // identity; the kernel does not use a number again soon
	UID, GID  uint32
	Mode      fs.FileMode // type and permissions
	Size      uint64      // bytes
	Allocated uint64      // bytes in memory or swap; 0 for queues
	Links     uint64

	ATime, MTime, CTime time.Time
}

// StatFile reads a file by its path and follows symbolic links. The caller must leave out mounts that may hang. It
// does not fill Name.
func StatFile(path string) (PosixFile, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return PosixFile{}, fmt.Errorf("stat %s: %w", path, err)
	}
	return FileOf("", &st), nil
}

// StatAt reads a file by its name in an open directory. It does not follow a symbolic link.
func StatAt(dir int, name string) (PosixFile, error) {
	var st unix.Stat_t
	if err := unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return PosixFile{}, err
	}
	return FileOf(name, &st), nil
}

// FileOf turns an answer of stat into a PosixFile.
func FileOf(name string, st *unix.Stat_t) PosixFile {
	moment := func(t unix.Timespec) time.Time { return time.Unix(t.Unix()) }
	return PosixFile{
		Name: name, Dev: st.Dev, Ino: st.Ino, Mode: fileMode(st.Mode), UID: st.Uid, GID: st.Gid, Links: uint64(st.Nlink),
		Size: uint64(st.Size), Allocated: uint64(st.Blocks) * 512, // st_blocks counts 512 bytes: man 3type stat
		ATime: moment(st.Atim), MTime: moment(st.Mtim), CTime: moment(st.Ctim),
	}
}

// fileMode turns st_mode into Go's mode: permissions and type.
func fileMode(mode uint32) fs.FileMode {
	m := fs.FileMode(mode & 0o777)
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
	case unix.S_IFDIR:
		m |= fs.ModeDir
	case unix.S_IFLNK:
		m |= fs.ModeSymlink
	case unix.S_IFIFO:
		m |= fs.ModeNamedPipe
	case unix.S_IFSOCK:
		m |= fs.ModeSocket
	default:
		m |= fs.ModeDevice
	}
	return m
}

// PlainName refuses a name that would leave the directory: a POSIX name is one path component (shm_open(3)).
func PlainName(file string) error {
	if file == "" || file == "." || file == ".." || strings.ContainsAny(file, "/\x00") {
		return unix.EINVAL
	}
	return nil
}
