package vfs

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// FileID is the identity of a file: st_dev and st_ino, and its type (mode & S_IFMT).
type FileID struct {
	Dev, Ino uint64
	Mode     uint32
	Rdev     uint64 // the device number of a character or block device
}

// DeviceOf is the st_dev of a file, by its path in the reader's own mount namespace.
func DeviceOf(path string) (uint64, error) {
	var st unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, path, unix.AT_STATX_DONT_SYNC, unix.STATX_TYPE, &st); err != nil {
		return 0, fmt.Errorf("stat %s: %w", path, err)
	}
	return IDOf(&st).Dev, nil
}

// IsTerminalMaster is true for the multiplexer that gives the masters of pseudoterminals: character device 5:2
// (pts(4)).
func (f FileID) IsTerminalMaster() bool {
	return f.Mode&unix.S_IFMT == unix.S_IFCHR && f.Rdev == unix.Mkdev(5, 2)
}

// TerminalSlave is the index of a pseudoterminal's slave: character devices 136 to 143
// (Documentation/admin-guide/devices.txt). ok is false for other files.
func (f FileID) TerminalSlave() (index uint32, ok bool) {
	major := unix.Major(f.Rdev)
	if f.Mode&unix.S_IFMT != unix.S_IFCHR || major < 136 || major > 143 {
		return 0, false
	}
	return (major-136)*256 + unix.Minor(f.Rdev), true
}

// IsFIFO is true for a FIFO or a pipe.
func (f FileID) IsFIFO() bool { return f.Mode&unix.S_IFMT == unix.S_IFIFO }

// IsRegular is true for a regular file. memfds and POSIX queues are regular files.
func (f FileID) IsRegular() bool { return f.Mode&unix.S_IFMT == unix.S_IFREG }

// IsCharDevice is true for a character device, such as a terminal.
func (f FileID) IsCharDevice() bool { return f.Mode&unix.S_IFMT == unix.S_IFCHR }

// IDOf is the identity in an answer of statx.
func IDOf(st *unix.Statx_t) FileID {
	return FileID{Dev: unix.Mkdev(st.Dev_major, st.Dev_minor), Ino: st.Ino, Mode: uint32(st.Mode),
		Rdev: unix.Mkdev(st.Rdev_major, st.Rdev_minor)}
}

// IsDir is true for a directory.
func (f FileID) IsDir() bool { return f.Mode&unix.S_IFMT == unix.S_IFDIR }

// IsLink is true for a symbolic link.
func (f FileID) IsLink() bool { return f.Mode&unix.S_IFMT == unix.S_IFLNK }
