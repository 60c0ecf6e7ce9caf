package process

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/vfs"
)

// SocketProtocol is the protocol name of the socket behind a descriptor: "UNIX", "UNIX-STREAM", "TCP". It needs the
// right to ptrace the process (sockfs_xattr_get, net/socket.c).
func (p Dir) SocketProtocol(fd int) (string, error) {
	if !p.live {
		return "", sys.ErrNotLive
	}
	buf := make([]byte, 32)
	n, err := unix.Getxattr(fmt.Sprintf("/proc/%d/fd/%d", p.PID, fd), "system.sockprotoname", buf)
	if err != nil {
		return "", fmt.Errorf("protocol of descriptor %d of process %d: %w", fd, p.PID, err)
	}
	for n > 0 && buf[n-1] == 0 {
		n--
	}
	return string(buf[:n]), nil
}

// ReadMapped reads the file that a process maps at m, from offset into buf, and returns the number of bytes. It opens
// the map_files link. It attaches nothing and allocates no page: a hole reads as zeros. The memory stays alive during
// the read. It needs CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE: else fs.ErrPermission. fs.ErrNotExist: the process no
// longer maps the file there.
func (p Dir) ReadMapped(m Mapping, offset uint64, buf []byte) (int, error) {
	f, err := p.OpenMapped(m)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	same := func(st *unix.Stat_t) bool { return st.Ino == m.Ino }
	n, err := vfs.ReadSame(int(f.Fd()), same, unix.ENOENT, offset, buf)
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", f.Name(), err)
	}
	return n, nil
}

// OpenMapped opens the file that a process maps at m, for reading. The memory stays alive while the file is open.
// Rights and errors are those of ReadMapped.
func (p Dir) OpenMapped(m Mapping) (*os.File, error) {
	if !p.live {
		return nil, sys.ErrNotLive
	}
	link := mapFile(m.Start, m.End)
	name := fmt.Sprintf("/proc/%d/%s", p.PID, link)
	fd, err := unix.Openat(p.fd, link, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	var st unix.Stat_t
	if err = unix.Fstat(fd, &st); err == nil && st.Ino != m.Ino {
		err = unix.ENOENT
	}
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

// StatOpen reads the file behind a descriptor of the process, also a file without a name. It does not fill Name.
func (p Dir) StatOpen(fd int) (vfs.PosixFile, error) {
	return p.statLink("fd/" + strconv.Itoa(fd))
}

// StatMapped reads the file that the process maps at these addresses, like StatOpen. It needs CAP_SYS_ADMIN or
// CAP_CHECKPOINT_RESTORE (proc_map_files_lookup in fs/proc/base.c).
func (p Dir) StatMapped(start, end uint64) (vfs.PosixFile, error) {
	return p.statLink(mapFile(start, end))
}

// RoomAround is the size in bytes of the file system of an open file; 0: it has no limit (statfs(2)). The caller must
// leave out file systems that may hang.
func (p Dir) RoomAround(fd int) (uint64, error) {
	if !p.live {
		return 0, sys.ErrNotLive
	}
	path := fmt.Sprintf("/proc/%d/fd/%d", p.PID, fd)
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return 0, fmt.Errorf("statfs %s: %w", path, err)
	}
	return st.Blocks * uint64(st.Bsize), nil
}

// mapFile is the name of a mapping's link (proc_pid_map_files(5)).
func mapFile(start, end uint64) string { return fmt.Sprintf("map_files/%x-%x", start, end) }

func (p Dir) statLink(link string) (vfs.PosixFile, error) {
	if !p.live {
		return vfs.PosixFile{}, sys.ErrNotLive
	}
	var st unix.Stat_t
	if err := unix.Fstatat(p.fd, link, &st, 0); err != nil {
		return vfs.PosixFile{}, fmt.Errorf("stat /proc/%d/%s: %w", p.PID, link, err)
	}
	return vfs.FileOf("", &st), nil
}
