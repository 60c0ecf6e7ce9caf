package kernel

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// Files by what leads to them, and the keys that ftok(3) makes of them.

// Ftok is the key that glibc's ftok makes of a file and the low 8 bits of a project id (sysvipc/ftok.c): of the device's number and the
// inode's only 8 and 16 bits are left, so that many files have the same one.
func Ftok(dev, ino uint64, proj byte) uint32 {
	return uint32(proj)<<24 | uint32(dev&0xff)<<16 | uint32(ino&0xffff)
}

// StatFile asks for a file by its path, symbolic links followed. The caller keeps it away from mounts that may hang. Name is not filled.
func StatFile(path string) (PosixFile, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return PosixFile{}, fmt.Errorf("stat %s: %w", path, err)
	}
	return posixFile("", &st), nil
}

// StatLink asks what a link of the process leads to, or what lies below one: "cwd", "exe", "root/etc". The caller keeps it away from mounts that
// may hang. Name is not filled.
func (p ProcDir) StatLink(name string) (PosixFile, error) {
	if !p.live {
		return PosixFile{}, ErrNotLive
	}
	return p.statLink(name)
}

// ReadFile reads a regular file below a link of the process ("cwd/postmaster.pid"), at most so many bytes of it. A FIFO in its place is not
// waited for, a symbolic link not followed.
func (p ProcDir) ReadFile(name string, most int64) ([]byte, error) {
	if !p.live {
		return nil, ErrNotLive
	}
	return readRegular(p.fd, name, fmt.Sprintf("/proc/%d/%s", p.PID, name), most)
}

// ReadFile is ProcDir.ReadFile for a path of the reader's own.
func ReadFile(path string, most int64) ([]byte, error) {
	return readRegular(unix.AT_FDCWD, path, path, most)
}

func readRegular(at int, name, path string, most int64) ([]byte, error) {
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

// Owner is the uid that owns /proc/PID: the process's effective one, or root's where the process is not dumpable (proc(5)).
func (p ProcDir) Owner() (uint32, error) {
	var st unix.Stat_t
	if err := unix.Fstatat(p.fd, "", &st, unix.AT_EMPTY_PATH); err != nil {
		return 0, fmt.Errorf("stat /proc/%d: %w", p.PID, err)
	}
	return st.Uid, nil
}
