package posix

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/vfs"
)

// ShmDir is an open directory that some processes have at /dev/shm. Every mount namespace may have its own. All methods
// act in this very directory, even if the path leads to another one by now.
type ShmDir struct {
	Dev, Ino uint64 // of the directory
	MountID  uint64 // first number of its line in mountinfo; 0: the kernel does not tell (before Linux 5.8)
	fd       int
}

// DirectoryOf takes an open directory (O_PATH is enough). It asks no file server. Close releases fd.
func DirectoryOf(fd int) (ShmDir, error) {
	var st unix.Statx_t
	err := unix.Statx(fd, "", unix.AT_EMPTY_PATH|unix.AT_STATX_DONT_SYNC,
		unix.STATX_TYPE|unix.STATX_INO|unix.STATX_MNT_ID, &st)
	if err != nil {
		return ShmDir{}, fmt.Errorf("stat %s: %w", devShm, err)
	}
	d := ShmDir{Dev: unix.Mkdev(st.Dev_major, st.Dev_minor), Ino: st.Ino, fd: fd}
	if st.Mask&unix.STATX_MNT_ID != 0 {
		d.MountID = st.Mnt_id
	}
	return d, nil
}

// OwnShmDir opens our own /dev/shm, without its content (O_PATH). fs.ErrNotExist: the machine has none.
// vfs.ErrMayHang: a server that may be dead keeps its files. Everything that looks into /dev/shm begins here.
func OwnShmDir(root sys.Root) (ShmDir, error) {
	fd, err := root.OpenPath(devShm) // without O_DIRECTORY, which would ask the server of an automount
	if err != nil {
		return ShmDir{}, fmt.Errorf("open %s: %w", devShm, err)
	}
	if root.Live() {
		err = vfs.CheckServer(fd)
	}
	var st unix.Stat_t
	if err == nil {
		err = unix.Fstat(fd, &st)
	}
	if err == nil && st.Mode&unix.S_IFMT != unix.S_IFDIR {
		err = unix.ENOTDIR
	}
	if err != nil {
		unix.Close(fd)
		return ShmDir{}, fmt.Errorf("open %s: %w", devShm, err)
	}
	d, err := DirectoryOf(fd)
	if err != nil {
		unix.Close(fd)
	}
	return d, err
}

// inOwn runs do with our own /dev/shm.
func inOwn(root sys.Root, do func(ShmDir) error) error {
	d, err := OwnShmDir(root)
	if err != nil {
		return err
	}
	defer d.Close()
	return do(d)
}

// ownMayHang is vfs.ErrMayHang if a call that takes a path in our own /dev/shm may hang there.
func ownMayHang() error {
	if err := inOwn("", func(ShmDir) error { return nil }); errors.Is(err, vfs.ErrMayHang) {
		return err
	}
	return nil
}

// Close releases the directory.
func (d ShmDir) Close() { unix.Close(d.fd) }

// Same is true for the same directory.
func (d ShmDir) Same(other ShmDir) bool { return d.Dev == other.Dev && d.Ino == other.Ino }

// Files lists the entries by name, without semaphores. OtherMounts: entries were left out.
func (d ShmDir) Files() ([]vfs.PosixFile, error) {
	files, mounts, err := d.entries()
	if err == nil && mounts > 0 {
		err = OtherMounts(mounts)
	}
	return slices.DeleteFunc(files, func(f vfs.PosixFile) bool { return isSem(&f) }), err
}

// Sems lists the named semaphores. With values set it reads their values too.
func (d ShmDir) Sems(values bool) ([]Sem, error) {
	files, err := d.list()
	return semsOf(files, func(s *Sem, file string) {
		if values {
			s.readValue(d.open(file))
		}
	}), err
}

// Each visits every entry, semaphores too, by file name.
func (d ShmDir) Each(visit func(*vfs.PosixFile)) error {
	files, err := d.list()
	for i := range files {
		visit(&files[i])
	}
	return err
}

// Count counts the entries. It costs one getdents for some 500 of them.
func (d ShmDir) Count() (n int, err error) {
	err = d.read(func(fd int) error {
		return sys.EachDirent(fd, make([]byte, 32<<10), func([]byte) { n++ })
	})
	return n, err
}

func (d ShmDir) list() ([]vfs.PosixFile, error) {
	files, _, err := d.entries()
	return files, err
}

func (d ShmDir) entries() (files []vfs.PosixFile, mounts int, err error) {
	err = d.read(func(fd int) (err error) { files, mounts, err = listFiles(fd); return err })
	return files, mounts, err
}

// read opens the content of the directory. Where it may, it keeps the access time.
func (d ShmDir) read(do func(fd int) error) error {
	const flags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC
	fd, err := unix.Openat(d.fd, ".", flags|unix.O_NOATIME, 0)
	if err == unix.EPERM {
		fd, err = unix.Openat(d.fd, ".", flags, 0)
	}
	if err == nil {
		err = do(fd)
		unix.Close(fd)
	}
	if err != nil {
		return fmt.Errorf("list %s: %w", devShm, err)
	}
	return nil
}

// open opens a file for reading. It follows no link and does not enter another mount: a dead server may be there.
func (d ShmDir) open(file string) (int, error) {
	how := unix.OpenHow{Flags: unix.O_RDONLY | unix.O_CLOEXEC | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_NOATIME,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_XDEV | unix.RESOLVE_NO_SYMLINKS}
	fd, err := unix.Openat2(d.fd, file, &how)
	if err == unix.EPERM { // O_NOATIME is for the file's owner and CAP_FOWNER (man 2 open)
		how.Flags &^= unix.O_NOATIME
		fd, err = unix.Openat2(d.fd, file, &how)
	}
	return fd, err
}

// openOwn opens a file of our own /dev/shm for reading. A tree of files may hold devices, which must not be opened.
func (d ShmDir) openOwn(root sys.Root, file string) (int, error) {
	if root.Live() {
		return d.open(file)
	}
	return openQuietly(root, devShm+"/"+file)
}

// ShmStat reads one file by its name ("/name"). fs.ErrNotExist: no such file.
func (d ShmDir) ShmStat(name string) (vfs.PosixFile, error) {
	return statIn(d.fd, name, strings.TrimPrefix(name, "/"))
}

// SemStat reads the file of one semaphore by its name ("/name"), without its value.
func (d ShmDir) SemStat(name string) (vfs.PosixFile, error) {
	return statIn(d.fd, name, semPrefix+strings.TrimPrefix(name, "/"))
}

// ReadShm reads shared memory by its name ("/name"), like the function ReadShm.
func (d ShmDir) ReadShm(name string, dev, ino, offset uint64, buf []byte) (int, error) {
	return d.readShm("", name, dev, ino, offset, buf)
}

func (d ShmDir) readShm(root sys.Root, name string, dev, ino, offset uint64, buf []byte) (int, error) {
	file := strings.TrimPrefix(name, "/")
	err := vfs.PlainName(file)
	fd := -1
	if err == nil {
		fd, err = d.openOwn(root, file)
	}
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", name, err)
	}
	defer unix.Close(fd)
	same := func(st *unix.Stat_t) bool { return st.Dev == dev && st.Ino == ino }
	n, err := vfs.ReadSame(fd, same, ErrChanged, offset, buf)
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", name, err)
	}
	return n, nil
}

// Use reads the size and use of the file system.
func (d ShmDir) Use() (DevShmUse, error) {
	var st unix.Statfs_t
	if err := unix.Fstatfs(d.fd, &st); err != nil {
		return DevShmUse{}, fmt.Errorf("size of %s: %w", devShm, err)
	}
	return useOf(&st), nil
}

// errOtherShm means that a process has another directory at /dev/shm than before.
type errOtherShm int

func (e errOtherShm) Error() string {
	return fmt.Sprintf("process %d has another %s by now: look again", int(e), devShm)
}
func (errOtherShm) Unwrap() error { return fs.ErrNotExist }

// ShmWay leads to the /dev/shm of another mount namespace, by a process that has the directory there.
type ShmWay struct {
	PID      int
	Dev, Ino uint64 // of the directory
	Path     string // of the directory, from the process's root: /dev/shm, or the path to which links lead from there
}

// Check is an error if the directory is not the one of the way. The error wraps fs.ErrNotExist.
func (w ShmWay) Check(d ShmDir) error {
	if d.Dev != w.Dev || d.Ino != w.Ino {
		return errOtherShm(w.PID)
	}
	return nil
}

// String is the path of the directory, for our own process.
func (w ShmWay) String() string { return fmt.Sprintf("/proc/%d/root%s", w.PID, w.Path) }

// IsMissing is true if a machine or a process has no directory /dev/shm.
func IsMissing(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) }
