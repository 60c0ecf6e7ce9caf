package vfs

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// ErrOtherMount is the error of Lister.Stat for an entry on which another file system is mounted.
var ErrOtherMount = errors.New("another file system is mounted there")

// Lister reads the entries of one open directory without a question to a server. Another file system may be mounted on
// an entry, and its server may never answer: a FUSE process, a host that is down.
type Lister struct {
	dir   int
	mount uint64 // of the directory; 0: not known (Linux 5.8 has it)
}

// NewLister makes a Lister of an open directory.
func NewLister(dir int) Lister {
	var st unix.Statx_t
	if unix.Statx(dir, "", unix.AT_EMPTY_PATH|unix.AT_STATX_DONT_SYNC, unix.STATX_MNT_ID, &st) != nil ||
		st.Mask&unix.STATX_MNT_ID == 0 {
		return Lister{dir: dir}
	}
	return Lister{dir, st.Mnt_id}
}

// Stat reads an entry. typ is its type in the directory (DT_DIR and so on). The kernel refuses to enter a mount by
// RESOLVE_NO_XDEV before it asks the file system (handle_mounts, fs/namei.c). That costs three calls, so only
// directories pay for it. On other entries mounts are rare: AT_STATX_DONT_SYNC makes FUSE answer from memory there
// (fuse_update_get_attr, fs/fuse/dir.c).
func (l Lister) Stat(typ uint8, name string) (PosixFile, error) {
	if typ == unix.DT_DIR || typ == unix.DT_UNKNOWN {
		how := unix.OpenHow{Flags: unix.O_PATH | unix.O_NOFOLLOW | unix.O_CLOEXEC, Resolve: unix.RESOLVE_NO_XDEV}
		fd, err := unix.Openat2(l.dir, name, &how)
		if err == unix.EXDEV {
			return PosixFile{}, ErrOtherMount
		}
		if err == nil {
			unix.Close(fd)
		} else if sys.Gone(err) {
			return PosixFile{}, err
		}
	}
	var st unix.Statx_t
	const flags = unix.AT_SYMLINK_NOFOLLOW | unix.AT_NO_AUTOMOUNT | unix.AT_STATX_DONT_SYNC
	if err := unix.Statx(l.dir, name, flags, unix.STATX_BASIC_STATS|unix.STATX_MNT_ID, &st); err != nil {
		return PosixFile{}, err
	}
	if st.Mask&unix.STATX_MNT_ID != 0 && l.mount != 0 && st.Mnt_id != l.mount {
		return PosixFile{}, ErrOtherMount
	}
	return fileOfStatx(name, &st), nil
}

// fileOfStatx is FileOf for an answer of statx.
func fileOfStatx(name string, st *unix.Statx_t) PosixFile {
	moment := func(t unix.StatxTimestamp) time.Time { return time.Unix(t.Sec, int64(t.Nsec)) }
	id := IDOf(st)
	return PosixFile{
		Name: name, Dev: id.Dev, Ino: id.Ino, Mode: fileMode(id.Mode), UID: st.Uid, GID: st.Gid,
		Links: uint64(st.Nlink),
		Size:  st.Size, Allocated: st.Blocks * 512,
		ATime: moment(st.Atime), MTime: moment(st.Mtime), CTime: moment(st.Ctime),
	}
}
