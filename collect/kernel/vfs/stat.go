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

// StatAt reads a file by its name in an open directory. It does not follow a symbolic link. Where another file system
// is mounted over the name, it asks no server: statx then answers from what the kernel knows (AT_STATX_DONT_SYNC).
func StatAt(dir int, name string) (PosixFile, error) {
	var x unix.Statx_t
	if err := statAt(dir, name, &x); err != nil {
		return PosixFile{}, err
	}
	moment := func(t unix.StatxTimestamp) time.Time { return time.Unix(t.Sec, int64(t.Nsec)) }
	return PosixFile{
		Name: name, Dev: unix.Mkdev(x.Dev_major, x.Dev_minor), Ino: x.Ino, Mode: fileMode(uint32(x.Mode)), UID: x.Uid,
		GID: x.Gid, Links: uint64(x.Nlink), Size: x.Size, Allocated: x.Blocks * 512,
		ATime: moment(x.Atime), MTime: moment(x.Mtime), CTime: moment(x.Ctime),
	}, nil
}

func statAt(dir int, name string, x *unix.Statx_t) error {
	return unix.Statx(dir, name, unix.AT_SYMLINK_NOFOLLOW|unix.AT_STATX_DONT_SYNC|unix.AT_NO_AUTOMOUNT,
		unix.STATX_BASIC_STATS, x)
}

// FileOf turns an answer of stat into a PosixFile.
func FileOf(name string, st *unix.Stat_t) PosixFile {
	moment := func(t unix.Timespec) time.Time { return time.Unix(t.Unix()) }
	return PosixFile{
		Name: name, Dev: st.Dev, Ino: st.Ino, Mode: fileMode(st.Mode), UID: st.Uid, GID: st.Gid,
		Links: uint64(st.Nlink),
		Size:  uint64(st.Size), Allocated: uint64(st.Blocks) * 512, // st_blocks counts 512 bytes: man 3type stat
		ATime: moment(st.Atim), MTime: moment(st.Mtim), CTime: moment(st.Ctim),
	}
}

// Perms are the permissions with the setuid, setgid and sticky bits, as chmod(2) takes them: at most 07777.
func (f *PosixFile) Perms() uint32 {
	perms := uint32(f.Mode.Perm())
	for _, b := range specialBits() {
		if f.Mode&b.mode != 0 {
			perms |= b.bit
		}
	}
	return perms
}

// specialBits pairs bits of st_mode with those of Go's mode.
func specialBits() [3]struct {
	bit  uint32
	mode fs.FileMode
} {
	return [3]struct {
		bit  uint32
		mode fs.FileMode
	}{{unix.S_ISUID, fs.ModeSetuid}, {unix.S_ISGID, fs.ModeSetgid}, {unix.S_ISVTX, fs.ModeSticky}}
}

// fileMode turns st_mode into Go's mode: permissions, special bits and type.
func fileMode(mode uint32) fs.FileMode {
	m := fs.FileMode(mode & 0o777)
	for _, b := range specialBits() {
		if mode&b.bit != 0 {
			m |= b.mode
		}
	}
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
