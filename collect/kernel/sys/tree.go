package sys

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"

	"golang.org/x/sys/unix"
)

// A file tree may come from anybody. Its links must not lead out of it. Its FIFOs must not make us wait. Its devices
// must not be opened: the open of a watchdog or of a tape has effects. So every open below a tree goes through openat2
// with RESOLVE_IN_ROOT, which takes the tree for the root directory and follows no magic link (man 2 openat2).

// TreeFileMax is the longest file in bytes that is read from a file tree.
const TreeFileMax = 64 << 20

var (
	// ErrNotRegular means that a file of a tree is a FIFO, a device, a directory or a socket. It is not read.
	ErrNotRegular = errors.New("it is no regular file")
	// ErrTooLong means that a file of a tree has more than TreeFileMax bytes.
	ErrTooLong = fmt.Errorf("it has more than %d MiB", TreeFileMax>>20)
	// errNoOpenat2 means that nothing keeps the links of a tree inside of it.
	errNoOpenat2 = errors.New("this kernel (before Linux 5.6) or its seccomp filter has no openat2: links of a file " +
		"tree could lead out of it")
)

// at opens a path below a tree, with flags of open(2). The descriptor has no other mode than the flags say.
// Capabilities of ipctop's file do not help.
func (r Root) at(abs string, flags uint64) (fd int, err error) {
	fd, err = -1, unix.EPERM
	WithOwnRights(func() { fd, err = r.open(abs, flags) })
	return fd, err
}

func (r Root) open(abs string, flags uint64) (int, error) {
	root, err := unix.Open(string(r), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	defer unix.Close(root)
	how := unix.OpenHow{Flags: flags | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT}
	const most = 32 // a rename or a mount anywhere on the machine may disturb ".." in a path (EAGAIN)
	fd := -1
	for range most {
		if fd, err = unix.Openat2(root, abs, &how); err != unix.EAGAIN && err != unix.EINTR {
			break
		}
	}
	if err == unix.ENOSYS {
		err = fmt.Errorf("%w: %w", errNoOpenat2, err)
	}
	return fd, err
}

// OpenPath opens the place of a file without the file itself (O_PATH). It follows links, on a tree only inside of it.
func (r Root) OpenPath(abs string) (int, error) {
	if r.Live() {
		return unix.Open(abs, unix.O_PATH|unix.O_CLOEXEC, 0)
	}
	return r.at(abs, unix.O_PATH)
}

// OpenDir opens a directory for reading.
func (r Root) OpenDir(abs string) (int, error) {
	if r.Live() {
		return OpenDir(unix.AT_FDCWD, abs)
	}
	return r.at(abs, unix.O_RDONLY|unix.O_DIRECTORY)
}

// OpenRegular opens a file for reading. On a tree it opens only regular files: it looks at the file before it opens
// the file. flags may add O_NOFOLLOW and O_NOATIME.
func (r Root) OpenRegular(abs string, flags int) (int, error) {
	if r.Live() {
		return unix.Open(abs, unix.O_RDONLY|unix.O_CLOEXEC|flags, 0)
	}
	var seen, opened unix.Stat_t
	look, err := r.at(abs, unix.O_PATH|uint64(flags&unix.O_NOFOLLOW))
	if err != nil {
		return -1, err
	}
	err = unix.Fstat(look, &seen)
	unix.Close(look)
	switch {
	case err != nil:
		return -1, err
	case seen.Mode&unix.S_IFMT == unix.S_IFLNK: // O_PATH opens the link itself
		return -1, unix.ELOOP
	case seen.Mode&unix.S_IFMT != unix.S_IFREG:
		return -1, ErrNotRegular
	}
	fd, err := r.at(abs, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|uint64(flags))
	if err != nil {
		return -1, err
	}
	if err = unix.Fstat(fd, &opened); err == nil && opened.Mode&unix.S_IFMT != unix.S_IFREG { // changed since
		err = ErrNotRegular
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// Open opens a file for reading. Of a tree it reads only regular files up to TreeFileMax: a longer file ends in
// ErrTooLong. The error is an *fs.PathError.
func (r Root) Open(abs string) (io.ReadCloser, error) {
	if r.Live() {
		return os.Open(abs)
	}
	fd, err := r.OpenRegular(abs, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: abs, Err: err}
	}
	return &treeFile{os.NewFile(uintptr(fd), abs), TreeFileMax}, nil
}

// treeFile is an open file of a tree.
type treeFile struct {
	*os.File
	left int64 // bytes until ErrTooLong
}

// Read reads the file like os.File.
func (f *treeFile) Read(into []byte) (int, error) {
	n, err := f.File.Read(into)
	if f.left -= int64(n); f.left < 0 {
		return 0, &os.PathError{Op: "read", Path: f.Name(), Err: ErrTooLong}
	}
	return n, err
}

// ReadFile reads a whole file below the Root. It opens files of /proc again each time: some kernels (6.6, 6.12, 6.14)
// refuse to seek in /proc/net. Of a tree it reads what Open reads.
func (r Root) ReadFile(abs string) ([]byte, error) {
	if r.Live() {
		return os.ReadFile(abs)
	}
	f, err := r.Open(abs)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}

// Readlink reads the text of a link. It follows links before the last name, on a tree only inside of it. The error is
// an *fs.PathError.
func (r Root) Readlink(abs string) (string, error) {
	if r.Live() {
		return os.Readlink(abs)
	}
	fail := func(err error) (string, error) { return "", &os.PathError{Op: "readlink", Path: abs, Err: err} }
	fd, err := r.at(abs, unix.O_PATH|unix.O_NOFOLLOW)
	if err != nil {
		return fail(err)
	}
	defer unix.Close(fd)
	buf := make([]byte, 4096)
	n, err := unix.Readlinkat(fd, "", buf) // of the opened link itself (man 2 readlink)
	if err == unix.ENOENT {
		err = unix.EINVAL // it exists, and is no link (do_readlinkat, fs/stat.c)
	}
	if err != nil {
		return fail(err)
	}
	return string(buf[:n]), nil
}

// Stat reads a file without asking a remote server. It follows links, on a tree only inside of it. mask is that of
// statx(2). The error is an *fs.PathError.
func (r Root) Stat(abs string, mask int) (unix.Statx_t, error) {
	return r.stat(abs, mask, 0)
}

// IsRegular is true for a regular file, also behind links.
func (r Root) IsRegular(abs string) (bool, error) {
	st, err := r.Stat(abs, unix.STATX_TYPE)
	return err == nil && st.Mode&unix.S_IFMT == unix.S_IFREG, err
}

// Lstat is Stat for a link itself.
func (r Root) Lstat(abs string, mask int) (unix.Statx_t, error) {
	return r.stat(abs, mask, unix.AT_SYMLINK_NOFOLLOW)
}

func (r Root) stat(abs string, mask, nofollow int) (unix.Statx_t, error) {
	var st unix.Statx_t
	at, name, flags, err := unix.AT_FDCWD, abs, unix.AT_STATX_DONT_SYNC|nofollow, error(nil)
	if !r.Live() {
		open := uint64(unix.O_PATH)
		if nofollow != 0 {
			open |= unix.O_NOFOLLOW
		}
		if at, err = r.at(abs, open); err == nil {
			defer unix.Close(at)
		}
		name, flags = "", flags|unix.AT_EMPTY_PATH
	}
	if err == nil {
		err = unix.Statx(at, name, flags, mask, &st)
	}
	if err != nil {
		return st, &os.PathError{Op: "stat", Path: abs, Err: err}
	}
	return st, nil
}

// ReadDir lists the names in a directory, sorted. The error is an *fs.PathError.
func (r Root) ReadDir(abs string) ([]string, error) {
	fd, err := r.OpenDir(abs)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: abs, Err: err}
	}
	dir := os.NewFile(uintptr(fd), path.Clean(abs))
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	slices.Sort(names)
	return names, err
}
