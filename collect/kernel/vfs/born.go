package vfs

import (
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// Born is when the file was made, by the clock of that moment. Of the root of a tmpfs or devtmpfs that is when the
// file system was made. ok is false where the file system does not remember it.
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

// OthersMayMove says whether another user than root and the caller's may put another directory, or a link, in the
// place of this one or of one above it: the owner of each may, and whoever may write to the one above, unless that is
// sticky (man 7 inode). In doubt others may.
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

// LoopFiles are the files that loop devices are on, by device ("/dev/loop0"), as whoever set them up called them; "
// (deleted)" stands behind one without a name (/sys/block/loopN/loop/backing_file). Everybody may read them. Never
// nil.
func LoopFiles(root sys.Root) map[string]string {
	files := map[string]string{}
	names, _ := filepath.Glob(root.Path("/sys/block/loop*/loop/backing_file")) // the error is for a bad pattern
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err == nil {
			files["/dev/"+filepath.Base(filepath.Dir(filepath.Dir(name)))] = strings.TrimSuffix(string(text), "\n")
		}
	}
	return files
}
