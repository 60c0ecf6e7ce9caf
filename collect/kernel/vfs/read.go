package vfs

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// ReadFile reads a regular file, up to most bytes. It does not wait for a FIFO and does not follow a symbolic link.
func ReadFile(path string, most int64) ([]byte, error) {
	return ReadRegular(unix.AT_FDCWD, path, path, most)
}

// ReadRegular is ReadFile for a name in an open directory. path is for errors.
func ReadRegular(at int, name, path string, most int64) ([]byte, error) {
	fd, err := unix.Openat(at, name, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	f := os.NewFile(uintptr(fd), path)
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("read %s: it is no regular file: %w", path, unix.EINVAL)
	}
	return io.ReadAll(io.LimitReader(f, most))
}

// ReadSame reads an open file from offset into buf and returns the number of bytes. If same is false for the file, the
// error is changed.
func ReadSame(fd int, same func(*unix.Stat_t) bool, changed error, offset uint64, buf []byte) (n int, err error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return 0, err
	}
	if !same(&st) {
		return 0, changed
	}
	err = sys.RetryEINTR(func() error {
		n, err = unix.Pread(fd, buf, int64(offset))
		return err
	})
	return max(n, 0), err
}
