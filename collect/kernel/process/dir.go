package process

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/fdinfo"
	"github.com/ipctop/ipctop/collect/kernel/scan"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/vfs"
)

// PIDs lists the processes that /proc shows, in ascending order, which is /proc's.
// With hidepid, other users' processes are missing from it.
func PIDs(root sys.Root) ([]int, error) {
	fd, err := sys.OpenDir(unix.AT_FDCWD, root.Path("/proc"))
	if err != nil {
		return nil, fmt.Errorf("list /proc: %w", err)
	}
	defer unix.Close(fd)
	var pids []int
	buf := make([]byte, 32<<10)
	err = sys.EachDirent(fd, buf, func(name []byte) {
		if pid, ok := scan.Atoi(name[:len(name)-1]); ok {
			pids = append(pids, pid)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("list /proc: %w", err)
	}
	if !root.Live() { // other file systems have an order of their own
		slices.Sort(pids)
	}
	return pids, nil
}

// Dir is an open /proc/PID. As long as it is open it is that one process: after the process is gone
// every read fails with ESRCH or ENOENT, even if the pid lives again (fs/proc/base.c).
type Dir struct {
	PID  int
	fd   int
	live bool
	root string
}

// Open opens /proc/PID. errors.Is(err, fs.ErrNotExist): there is no such process.
func Open(root sys.Root, pid int) (Dir, error) {
	fd, err := unix.Open(root.Path("/proc/")+strconv.Itoa(pid), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return Dir{}, fmt.Errorf("open /proc/%d: %w", pid, err)
	}
	return Dir{PID: pid, fd: fd, live: root.Live(), root: string(root)}, nil
}

// Close releases the directory.
func (p Dir) Close() { unix.Close(p.fd) }

// Read reads a small file of the process into buf, growing it if needed, and returns what was read.
// The result is valid until buf is used again.
func (p Dir) Read(name string, buf []byte) ([]byte, error) {
	fd, err := unix.Openat(p.fd, name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("read /proc/%d/%s: %w", p.PID, name, err)
	}
	defer unix.Close(fd)
	if cap(buf) < 4096 {
		buf = make([]byte, 0, 4096)
	}
	buf = buf[:0]
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := unix.Read(fd, buf[len(buf):cap(buf)])
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read /proc/%d/%s: %w", p.PID, name, err)
		}
		if n == 0 {
			return buf, nil
		}
		buf = buf[:len(buf)+n]
	}
}

// Readlink reads a link of the process such as "ns/ipc" or "exe".
func (p Dir) Readlink(name string) (string, error) {
	buf := make([]byte, 4096)
	n, err := unix.Readlinkat(p.fd, name, buf)
	if err != nil {
		return "", fmt.Errorf("readlink /proc/%d/%s: %w", p.PID, name, err)
	}
	return string(buf[:n]), nil
}

// FDLink reads where a descriptor leads into buf.
func (p Dir) FDLink(fd int, buf []byte) ([]byte, error) {
	n, err := unix.Readlinkat(p.fd, "fd/"+strconv.Itoa(fd), buf)
	if err != nil {
		return nil, fmt.Errorf("readlink /proc/%d/fd/%d: %w", p.PID, fd, err)
	}
	return buf[:n], nil
}

// FDCount is the number of open file descriptors: st_size of /proc/PID/fd (kernels since 6.2), which everybody may
// read. On older kernels, where it is 0, the entries are counted, which takes rights.
func (p Dir) FDCount() (int, error) {
	var st unix.Stat_t
	if err := unix.Fstatat(p.fd, "fd", &st, 0); err != nil {
		return 0, fmt.Errorf("stat /proc/%d/fd: %w", p.PID, err)
	}
	if st.Size > 0 && p.live {
		return int(st.Size), nil
	}
	n := 0
	err := p.eachFD(make([]byte, 8<<10), func(int, []byte) { n++ })
	return n, err
}

// FDVisit is called for one file descriptor with the text of its link, valid during the call.
type FDVisit func(d *FDDir, fd int, target []byte)

// FDDir is an open /proc/PID/fd during a visit.
type FDDir struct {
	fd   int
	proc Dir
	name []byte // the current entry, NUL-terminated
}

// FDs visits every file descriptor: getdents64 and readlinkat relative to the directory, without opening or stat-ing
// what a descriptor points at (a dead NFS or FUSE server would hang that). An fd that goes away meanwhile is passed
// over; links that may not be read are an error (errors.Is(err, fs.ErrPermission)) after the visits. buf is scratch
// space of at least 8 KiB, its content does not matter.
func (p Dir) FDs(buf []byte, visit FDVisit) error {
	link := make([]byte, 4096)
	d := &FDDir{proc: p}
	return p.withFDDir(func(fd int) error {
		d.fd = fd
		var refused error
		err := sys.EachDirent(fd, buf, func(name []byte) {
			num, ok := scan.Atoi(name[:len(name)-1])
			if !ok {
				return
			}
			n, err := sys.Readlinkat(fd, name, link)
			if sys.Denied(err) {
				// Root without CAP_SYS_PTRACE may list the directory, but not read its links (proc_pid_readlink in fs/proc/base.c).
				refused = err
			}
			if err != 0 {
				return
			}
			d.name = name
			visit(d, num, link[:n])
		})
		return cmp.Or(err, refused)
	})
}

func (p Dir) eachFD(buf []byte, visit func(fd int, name []byte)) error {
	return p.withFDDir(func(dir int) error {
		return sys.EachDirent(dir, buf, func(name []byte) {
			if num, ok := scan.Atoi(name[:len(name)-1]); ok {
				visit(num, name)
			}
		})
	})
}

func (p Dir) withFDDir(do func(fd int) error) error {
	fd, err := sys.OpenDir(p.fd, "fd")
	if err == nil {
		err = do(fd)
		unix.Close(fd)
	}
	if err != nil {
		return fmt.Errorf("list /proc/%d/fd: %w", p.PID, err)
	}
	return nil
}

// Access tells the current entry's open mode from the link's own permission bits (0400 read, 0200 write: proc(5)),
// which touches nothing but /proc. In a file tree, where links have no such bits, fdinfo's flags serve.
func (d *FDDir) Access() (fdinfo.Access, error) {
	if !d.proc.live {
		return d.proc.fdinfoAccess(string(d.name[:len(d.name)-1]))
	}
	var st unix.Stat_t
	if err := sys.Fstatat(d.fd, d.name, &st, unix.AT_SYMLINK_NOFOLLOW); err != 0 {
		return 0, err
	}
	var a fdinfo.Access
	if st.Mode&0o400 != 0 {
		a |= fdinfo.CanRead
	}
	if st.Mode&0o200 != 0 {
		a |= fdinfo.CanWrite
	}
	return a, nil
}

func (p Dir) fdinfoAccess(fd string) (fdinfo.Access, error) {
	text, err := p.Read("fdinfo/"+fd, nil)
	if err != nil {
		return 0, err
	}
	flags, ok := fdinfo.Flags(text)
	if !ok {
		return 0, errors.New("fdinfo without flags")
	}
	return fdinfo.AccessOf(flags), nil
}

// Stat asks what the current entry points at. It does not ask a remote server (AT_STATX_DONT_SYNC), yet the caller
// keeps it away from descriptors on NFS and FUSE mounts. In a file tree the link's target itself is looked at, below
// the tree's root.
func (d *FDDir) Stat(target []byte) (vfs.FileID, error) {
	at, path := d.fd, string(d.name[:len(d.name)-1])
	if !d.proc.live {
		at, path = unix.AT_FDCWD, d.proc.root+string(target)
	}
	var st unix.Statx_t
	if err := unix.Statx(at, path, unix.AT_STATX_DONT_SYNC, unix.STATX_TYPE|unix.STATX_INO, &st); err != nil {
		return vfs.FileID{}, err
	}
	return vfs.IDOf(&st), nil
}

// Live says whether it is a process of the machine that the calls ask, rather than of a file tree.
func (p Dir) Live() bool { return p.live }

// StatPath asks for a file by the path that the process knows it under, from its root directory.
func (p Dir) StatPath(path string) (vfs.FileID, error) {
	if !p.live {
		return vfs.FileID{}, sys.ErrNotLive
	}
	var st unix.Statx_t
	if err := unix.Statx(p.fd, "root"+path, unix.AT_STATX_DONT_SYNC, unix.STATX_TYPE|unix.STATX_INO, &st); err != nil {
		return vfs.FileID{}, fmt.Errorf("stat %s of process %d: %w", path, p.PID, err)
	}
	return vfs.IDOf(&st), nil
}

// CPUTime is the process's CPU clock in ns: what all its threads ever ran. Unchanged means that the process has not
// run since, so that its descriptors and mappings are as they were. Everybody may ask (man 2 clock_getres,
// clock_getcpuclockid(3)).
func CPUTime(pid int) (int64, error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(int32(uint32(^pid)<<3|2), &ts); err != nil {
		return 0, fmt.Errorf("CPU clock of %d: %w", pid, err)
	}
	return ts.Nano(), nil
}

// ProcessExists tells a process that /proc may hide from one that is gone. pidfd_open does not mind hidepid and
// answers ESRCH for a number that is free, another error for that of a mere thread (man 2 pidfd_open). Signal 0,
// which serves where there is no pidfd_open, takes a thread for a process.
func ProcessExists(pid int) bool {
	if pid <= 0 {
		return false
	}
	fd, err := unix.PidfdOpen(pid, 0)
	switch err {
	case nil:
		unix.Close(fd)
		return true
	case unix.ESRCH, unix.EINVAL, unix.ENOENT:
		return false
	}
	return unix.Kill(pid, 0) != unix.ESRCH
}
