package posix

import (
	"bytes"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/vfs"
)

// likelyBytes is how many bytes of a file ShmLikely reads.
const likelyBytes = 64 << 10

// ShmLikely is true if a file of /dev/shm looks like shared memory. It is false for a file that a person keeps there.
// Nothing proves the difference. shm_open's file grows by ftruncate, so memory that no process has written is a hole
// (man 2 lseek, SEEK_HOLE). Memory almost always has a zero byte. An empty file or a text has neither a hole nor a
// zero byte. A file that the caller may not read gives false.
func ShmLikely(root sys.Root, f *vfs.PosixFile) bool {
	if !f.Mode.IsRegular() || f.Size == 0 {
		return false
	}
	fd := -1
	err := inOwn(root, func(d ShmDir) (err error) { fd, err = d.openOwn(root, f.Name); return err })
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil || st.Dev != f.Dev || st.Ino != f.Ino {
		return false // the name leads to another file now
	}
	if hole, err := unix.Seek(fd, 0, unix.SEEK_HOLE); err == nil && hole < st.Size {
		return true
	}
	data := make([]byte, likelyBytes)
	n, err := unix.Pread(fd, data, 0)
	return err == nil && bytes.IndexByte(data[:n], 0) >= 0
}
