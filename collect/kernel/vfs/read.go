package vfs

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
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
