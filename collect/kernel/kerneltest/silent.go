package kerneltest

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"golang.org/x/sys/unix"
)

// MountSilent mounts a FUSE file system whose server never answers. mode is the type of its root. A process that asks
// the server anything sleeps in state D. It still ends by SIGKILL.
func MountSilent(tb testing.TB, point string, mode uint32) {
	tb.Helper()
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		tb.Skipf("needs FUSE: open /dev/fuse: %v", err)
	}
	OK(tb, err)
	tb.Cleanup(func() { unix.Close(fd) }) // without its server, the mount answers every question with an error
	tb.Cleanup(func() { unix.Unmount(point, unix.MNT_DETACH) })
	OK(tb, unix.Mount("silent", point, "fuse", 0, fmt.Sprintf("fd=%d,rootmode=%o,user_id=0,group_id=0", fd, mode)))
}
