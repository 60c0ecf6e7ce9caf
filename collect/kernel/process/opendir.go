package process

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/vfs"
)

// OpenDirectory opens a directory (O_PATH) by its path from the process's root directory, as the process itself would.
// It returns the descriptor, and the path without symbolic links. Nothing leads out of the process's root.
//
// First it takes the path only from the kernel's cache, where no file server is asked (RESOLVE_CACHED: man 2 openat2).
// If that does not do, hangs tells which paths lie below mounts with a server that may be dead: there the error is
// vfs.ErrMayHang. A nil hangs skips that test.
func (p Dir) OpenDirectory(path string, hangs func(path []byte) bool) (fd int, real string, err error) {
	if !p.live {
		return -1, "", sys.ErrNotLive
	}
	if hangs == nil {
		hangs = func([]byte) bool { return false }
	}
	fail := func(err error) (int, string, error) {
		return -1, "", fmt.Errorf("open %s of process %d: %w", path, p.PID, err)
	}
	const flags = unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC
	// Of the link to the root itself, only some network file systems are asked (d_weak_revalidate in fs/namei.c).
	root, err := unix.Openat(p.fd, "root", flags, 0)
	if err != nil {
		return fail(err)
	}
	defer unix.Close(root)
	open := func(path string, resolve uint64) (int, error) {
		return unix.Openat2(root, path, &unix.OpenHow{Flags: flags,
			Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_SYMLINKS | resolve})
	}
	const cached = 0x20 // RESOLVE_CACHED (include/uapi/linux/openat2.h)
	switch fd, err = open(path, cached); err {
	case nil:
		return fd, path, nil
	case unix.EAGAIN, unix.EINVAL, unix.ELOOP: // not in the cache; a kernel before 5.12; a symbolic link
	default:
		return fail(err)
	}
	if hangs([]byte("/")) {
		return fail(vfs.ErrMayHang)
	}
	if real, err = p.RealPath(path, hangs); err != nil {
		return -1, "", err
	}
	if fd, err = open(real, 0); err != nil {
		return fail(err)
	}
	return fd, real, nil
}
