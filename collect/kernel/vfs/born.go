package vfs

import (
	"os"
	"path"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// Born is the time when the file was made. The time comes from the clock of that moment. For the root of a tmpfs or
// devtmpfs it is the time when the file system was made. ok is false if the file system does not store it.
func Born(root sys.Root, path string) (born time.Time, ok bool) {
	if !root.Live() {
		return time.Time{}, false
	}
	var st unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, path, unix.AT_STATX_DONT_SYNC|unix.AT_SYMLINK_NOFOLLOW, unix.STATX_BTIME,
		&st); err != nil || st.Mask&unix.STATX_BTIME == 0 {
		return time.Time{}, false
	}
	return time.Unix(st.Btime.Sec, int64(st.Btime.Nsec)), true
}

// OthersMayMove is true if a user other than root and the caller may replace this directory, or a directory above it,
// by another directory or a link. The owner of a directory may do so. A user who may write to the directory above may
// do so, unless it is sticky (man 7 inode). In doubt the result is true.
func OthersMayMove(dir string) bool {
	for ; ; dir = path.Dir(dir) {
		var st unix.Stat_t
		if err := unix.Lstat(dir, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFDIR {
			return true
		}
		writable := st.Mode&0o022 != 0 && st.Mode&unix.S_ISVTX == 0
		if st.Uid != 0 && int(st.Uid) != os.Geteuid() || writable {
			return true
		}
		if dir == "/" || dir == "." {
			return dir == "."
		}
	}
}

// LoopFiles gives the file behind each loop device. The key is the device, for example "/dev/loop0". The value is the
// path that the maker of the device gave; " (deleted)" follows the path of a deleted file
// (/sys/block/loopN/loop/backing_file). Any user may read them. The result is never nil.
func LoopFiles(root sys.Root) map[string]string {
	files := map[string]string{}
	names, _ := root.ReadDir("/sys/block") // a machine without block devices has none
	for _, name := range names {
		if !strings.HasPrefix(name, "loop") {
			continue
		}
		if text, err := root.ReadFile("/sys/block/" + name + "/loop/backing_file"); err == nil {
			files["/dev/"+name] = strings.TrimSuffix(string(text), "\n")
		}
	}
	return files
}
