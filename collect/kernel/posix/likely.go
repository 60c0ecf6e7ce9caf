package posix

import (
	"bytes"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/vfs"
)

// likelyRead is how much of a file is looked at.
const likelyRead = 64 << 10

// ShmLikely says whether a file of /dev/shm looks like memory rather than like a file that somebody keeps there.
// Nothing can prove it. Memory is made by ftruncate, so that what nobody has written to is a hole (man 2 lseek,
// SEEK_HOLE), and hardly ever without a zero byte; an empty file or a text has neither. What may not be read does not
// look like anything.
func ShmLikely(root sys.Root, f *vfs.PosixFile) bool {
	const flags = unix.O_RDONLY | unix.O_CLOEXEC | unix.O_NOFOLLOW | unix.O_NONBLOCK
	if !f.Mode.IsRegular() || f.Size == 0 {
		return false
	}
	fd, err := unix.Open(root.Path(devShm+"/"+f.Name), flags, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil || st.Dev != f.Dev || st.Ino != f.Ino {
		return false // another file by now
	}
	if hole, err := unix.Seek(fd, 0, unix.SEEK_HOLE); err == nil && hole < st.Size {
		return true
	}
	data := make([]byte, likelyRead)
	n, err := unix.Pread(fd, data, 0)
	return err == nil && bytes.IndexByte(data[:n], 0) >= 0
}
