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

// PIDs lists the processes in /proc, in ascending order. With hidepid, other users' processes are not in it.
func PIDs(root sys.Root) ([]int, error) {
	fd, err := root.OpenDir("/proc")
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
	if !root.Live() { // on a file tree, readdir has another order
		slices.Sort(pids)
	}
	return pids, nil
}

// Dir is an open /proc/PID. While it is open, it always means one process. After the process is gone, every read
// fails with ESRCH or ENOENT, even if the kernel uses the pid again (fs/proc/base.c).
type Dir struct {
	PID    int
	fd     int
	live   bool
	tree   *treeDir // nil on the live machine
	memory *memory  // nil in a file tree
	stalls *Stalls  // nil: reads that may never come back are not watched
	lane   *Lane    // the goroutine that reads, if it is watched
}

// Open opens /proc/PID. fs.ErrNotExist: no such process.
func Open(root sys.Root, pid int) (Dir, error) {
	if !root.Live() {
		return openTree(root, pid, "/proc/"+strconv.Itoa(pid))
	}
	fd, err := unix.Open("/proc/"+strconv.Itoa(pid), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return Dir{}, fmt.Errorf("open /proc/%d: %w", pid, err)
	}
	return Dir{PID: pid, fd: fd, live: true, memory: &memory{}}, nil
}

// Unopened is the directory of a process of which no file will be read. A read fails.
func Unopened(pid int) Dir { return Dir{PID: pid, fd: -1, live: true} }

// Close releases the directory.
func (p Dir) Close() {
	p.memory.close()
	unix.Close(p.fd)
}

// Read reads a small file of the process into buf and grows buf if needed. The result is valid until the next use of
// buf. ErrStalls: the kernel does not answer.
func (p Dir) Read(name string, buf []byte) (text []byte, err error) {
	switch {
	case p.tree != nil:
		return p.readTree(name)
	case p.lane != nil:
		at := p.lane.enter()
		text, err = p.read(name, buf)
		p.lane.leave(at)
		return text, err
	case p.stalls == nil || !mayStall(name):
		return p.read(name, buf)
	}
	var got []byte // in a buffer of its own: the read may go on alone
	var failed error
	if err = p.watch(func(own Dir) { got, failed = own.read(name, nil) }); err != nil {
		return nil, fmt.Errorf("read /proc/%d/%s: %w", p.PID, name, err)
	}
	return got, failed
}

func (p Dir) read(name string, buf []byte) ([]byte, error) {
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

// Readlink reads a link of the process, for example "ns/ipc" or "exe".
func (p Dir) Readlink(name string) (string, error) {
	if p.tree != nil {
		return p.tree.root.Readlink(p.tree.path(name))
	}
	var buf [4096]byte // a slice from make would be garbage of this size for each of thousands of links
	n, err := unix.Readlinkat(p.fd, name, buf[:])
	if err != nil {
		return "", fmt.Errorf("readlink /proc/%d/%s: %w", p.PID, name, err)
	}
	return string(buf[:n]), nil
}

// FDLink reads the target of a descriptor's link into buf.
func (p Dir) FDLink(fd int, buf []byte) ([]byte, error) {
	if p.tree != nil {
		text, err := p.Readlink("fd/" + strconv.Itoa(fd))
		return buf[:copy(buf, text)], err
	}
	n, err := unix.Readlinkat(p.fd, "fd/"+strconv.Itoa(fd), buf)
	if err != nil {
		return nil, fmt.Errorf("readlink /proc/%d/fd/%d: %w", p.PID, fd, err)
	}
	return buf[:n], nil
}

// FDCount is the number of open file descriptors. On Linux 6.2 it is st_size of /proc/PID/fd, which any user may
// read. Older kernels have 0 there: then FDCount counts the entries, which needs rights.
func (p Dir) FDCount() (int, error) {
	if p.live {
		var st unix.Stat_t
		if err := unix.Fstatat(p.fd, "fd", &st, 0); err != nil {
			return 0, fmt.Errorf("stat /proc/%d/fd: %w", p.PID, err)
		}
		if st.Size > 0 {
			return int(st.Size), nil
		}
	}
	n := 0
	err := p.eachFD(make([]byte, 8<<10), func(int, []byte) { n++ })
	return n, err
}

// OpenFiles is a cheap guess at FDCount: 0 for a process that is gone, and for all before Linux 6.2.
func OpenFiles(pid int) int {
	var st unix.Stat_t
	if err := unix.Stat("/proc/"+strconv.Itoa(pid)+"/fd", &st); err != nil {
		return 0
	}
	return int(st.Size)
}

// FDVisit gets one file descriptor and the text of its link. target is valid during the call.
type FDVisit func(d *FDDir, fd int, target []byte)

// FDDir is an open /proc/PID/fd during a visit.
type FDDir struct {
	fd   int
	proc Dir
	name []byte // the current entry, NUL-terminated
}

// FDs visits every file descriptor by getdents64 and readlinkat. It never opens or stats the file behind a
// descriptor: a dead NFS or FUSE server would block that. It leaves out descriptors that vanish meanwhile. If the
// caller may not read links, FDs returns fs.ErrPermission after the visits. buf is scratch space of at least 8 KiB.
func (p Dir) FDs(buf []byte, visit FDVisit) error { return p.FDsBut(nil, buf, visit) }

// FDsBut is FDs without the descriptors with these numbers.
func (p Dir) FDsBut(known map[int32]bool, buf []byte, visit FDVisit) error {
	link := make([]byte, 4096)
	d := &FDDir{proc: p}
	return p.withFDDir(func(fd int) error {
		d.fd = fd
		var refused error
		err := sys.EachDirent(fd, buf, func(name []byte) {
			num, ok := scan.Atoi(name[:len(name)-1])
			if !ok || known[int32(num)] {
				return
			}
			n, err := sys.Readlinkat(fd, name, link)
			if err != 0 && !sys.Gone(err) {
				// Root without CAP_SYS_PTRACE may list the directory, but not read its links (proc_pid_readlink in
				// fs/proc/base.c).
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
	fd, err := p.openDir("fd")
	if err == nil {
		err = do(fd)
		unix.Close(fd)
	}
	if err != nil {
		return fmt.Errorf("list /proc/%d/fd: %w", p.PID, err)
	}
	return nil
}

// FD is the entry of one descriptor, outside a visit.
func (p Dir) FD(num int) *FDDir {
	return &FDDir{fd: p.fd, proc: p, name: append(strconv.AppendInt([]byte("fd/"), int64(num), 10), 0)}
}

// Access is the open mode of the current entry. It comes from the link's own permission bits (0400 read, 0200 write:
// proc(5)), so it touches only /proc. On a file tree, links have no such bits: Access reads the flags of fdinfo
// there.
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

// Stat reads the file behind the current entry. It does not ask a remote server (AT_STATX_DONT_SYNC). Still, the
// caller should leave out descriptors on NFS and FUSE mounts. On a file tree it reads the link's target, below the
// tree's root.
func (d *FDDir) Stat(target []byte) (vfs.FileID, error) {
	if d.proc.tree != nil {
		st, err := d.proc.tree.root.Stat(string(target), unix.STATX_TYPE|unix.STATX_INO)
		return vfs.IDOf(&st), err
	}
	var st unix.Statx_t
	path := string(d.name[:len(d.name)-1])
	if err := unix.Statx(d.fd, path, unix.AT_STATX_DONT_SYNC, unix.STATX_TYPE|unix.STATX_INO, &st); err != nil {
		return vfs.FileID{}, err
	}
	return vfs.IDOf(&st), nil
}

// Live is true for a process of the live machine, false for a process of a file tree.
func (p Dir) Live() bool { return p.live }

// StatPath reads a file by its path, from the process's root directory.
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

// CPUTime is the process's CPU clock in ns: the sum of all its threads. If it is unchanged, the process has not run
// since. Then its descriptors and mappings are unchanged, too. Any user may ask (man 2 clock_getres,
// clock_getcpuclockid(3)).
func CPUTime(pid int) (int64, error) {
	if err := sys.CheckPIDs(); err != nil {
		return 0, fmt.Errorf("CPU clock of %d: %w", pid, err)
	}
	var ts unix.Timespec
	if err := unix.ClockGettime(int32(uint32(^pid)<<3|2), &ts); err != nil {
		return 0, fmt.Errorf("CPU clock of %d: %w", pid, err)
	}
	return ts.Nano(), nil
}

// HadThreads is true if a process with one thread had more threads before. The CPU clock of a process keeps the time of
// ended threads (sum_sched_runtime in __exit_signal, kernel/exit.c). It also keeps the threads that ended in an execve.
// It is false for a process that runs, and for a kernel without CONFIG_SCHED_INFO. Any user may ask. It costs 10
// microseconds.
func (p Dir) HadThreads() bool {
	before, err := CPUTime(p.PID)
	if err != nil {
		return false
	}
	text, err := p.Read("task/"+strconv.Itoa(p.PID)+"/schedstat", nil)
	if err != nil {
		return false
	}
	f := scan.Fields{Rest: text}
	own := f.Uint() // nanoseconds on a CPU
	after, err := CPUTime(p.PID)
	return err == nil && !f.Bad && before == after && uint64(before) > own
}

// ProcessExists is true for a process that has this number in the caller's pid namespace, even if hidepid hides it in
// /proc. pidfd_open ignores hidepid. It answers ESRCH for a free number, and another error for a thread's number (man 2
// pidfd_open). Kernels without pidfd_open get signal 0, which also finds threads.
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
