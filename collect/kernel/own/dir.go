package own

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// Dir is an open directory of this user. Names are single names in it.
type Dir struct {
	file *os.File
}

// OpenDir opens a directory that belongs to this user and to which others have no rights. With create, it makes what is
// missing. The error is fs.ErrNotExist if nothing is there.
func OpenDir(path string, create bool) (d *Dir, err error) {
	err = unix.EPERM
	sys.WithOwnRights(func() { d, err = openDir(path, create) })
	return d, err
}

func openDir(path string, create bool) (*Dir, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	at, err := walk(filepath.Dir(path), create)
	if err != nil {
		return nil, err
	}
	defer unix.Close(at)
	var st unix.Stat_t
	if err := unix.Fstat(at, &st); err != nil {
		return nil, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	if !trusted(st.Uid) {
		return nil, fmt.Errorf("%s: %w", path, foreignError{st.Uid})
	}
	return openDirAt(at, filepath.Base(path), path, create)
}

// Sub opens a directory in this one, by the same rules.
func (d *Dir) Sub(name string, create bool) (*Dir, error) {
	return openDirAt(int(d.file.Fd()), name, d.Path(name), create)
}

func openDirAt(at int, name, path string, create bool) (*Dir, error) {
	const flags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	fd, err := unix.Openat(at, name, flags, 0)
	if err == unix.ENOENT && create {
		if err := unix.Mkdirat(at, name, 0o700); err != nil && err != unix.EEXIST {
			return nil, &os.PathError{Op: "mkdir", Path: path, Err: err}
		}
		fd, err = unix.Openat(at, name, flags, 0)
	}
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	d := &Dir{os.NewFile(uintptr(fd), path)}
	if err := d.check(); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

// check refuses a directory of another user. It takes away the rights of others: an older ipctop, or a umask, may have
// left some.
func (d *Dir) check() error {
	path := d.file.Name()
	var st unix.Stat_t
	if err := unix.Fstat(int(d.file.Fd()), &st); err != nil {
		return &os.PathError{Op: "stat", Path: path, Err: err}
	}
	switch {
	case int(st.Uid) != sys.EffectiveUID():
		return fmt.Errorf("%s: it belongs to uid %d: move it away, or set XDG_STATE_HOME to another directory", path,
			st.Uid)
	case st.Mode&0o022 != 0:
		return fmt.Errorf("%s: others may write there (mode %#o): look what is in it, then chmod go= it", path,
			st.Mode&0o7777)
	case st.Mode&0o055 != 0:
		if err := unix.Fchmod(int(d.file.Fd()), st.Mode&0o7700); err != nil {
			return &os.PathError{Op: "chmod", Path: path, Err: err}
		}
	}
	return nil
}

// Path is the path of a name in the directory.
func (d *Dir) Path(name string) string { return filepath.Join(d.file.Name(), name) }

// Close closes the directory, and frees a lock of it.
func (d *Dir) Close() error { return d.file.Close() }

// Open opens a file by its name (man 2 open). It follows no link and does not wait for a FIFO. The file must be a
// regular file of this user with one link, to which others have no rights. A new file has mode 0600.
func (d *Dir) Open(name string, flags int) (*os.File, error) {
	const always = unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC
	fd, err := -1, error(unix.EPERM)
	sys.WithOwnRights(func() { fd, err = unix.Openat(int(d.file.Fd()), name, flags|always, 0o600) })
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: d.Path(name), Err: err}
	}
	f := os.NewFile(uintptr(fd), d.Path(name))
	var st unix.Stat_t
	if err = unix.Fstat(fd, &st); err != nil {
		err = &os.PathError{Op: "stat", Path: f.Name(), Err: err}
	} else if why := unlikeOwn(&st); why != "" {
		err = &NotOwnError{f.Name(), why}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// NotOwnError means: a file of another user, or one that another user may control, stands at the path.
type NotOwnError struct{ Path, Why string }

func (e *NotOwnError) Error() string {
	return e.Path + ": " + e.Why + ": move it away, or set XDG_STATE_HOME to another directory"
}

// unlikeOwn is the reason why a file is not safely this user's own; "": it is.
func unlikeOwn(st *unix.Stat_t) string {
	switch {
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		return "it is not a regular file of this user"
	case int(st.Uid) != sys.EffectiveUID():
		return fmt.Sprintf("it belongs to uid %d", st.Uid)
	case st.Nlink != 1: // 0: it was removed meanwhile
		return fmt.Sprintf("it has %d links, not 1", st.Nlink)
	case st.Mode&0o077 != 0:
		return fmt.Sprintf("others have rights to it (mode %#o)", st.Mode&0o7777)
	}
	return ""
}

// Is is true if the name leads to this open file now.
func (d *Dir) Is(name string, f *os.File) bool {
	var there, here unix.Stat_t
	return unix.Fstatat(int(d.file.Fd()), name, &there, unix.AT_SYMLINK_NOFOLLOW) == nil &&
		unix.Fstat(int(f.Fd()), &here) == nil && there.Dev == here.Dev && there.Ino == here.Ino
}

// Rename gives a file another name in the directory. A file with that name goes.
func (d *Dir) Rename(from, to string) error {
	fd := int(d.file.Fd())
	if err := unix.Renameat(fd, from, fd, to); err != nil {
		return &os.LinkError{Op: "rename", Old: d.Path(from), New: to, Err: err}
	}
	return nil
}

// Remove removes a file.
func (d *Dir) Remove(name string) error {
	if err := unix.Unlinkat(int(d.file.Fd()), name, 0); err != nil {
		return &os.PathError{Op: "remove", Path: d.Path(name), Err: err}
	}
	return nil
}

// RemoveSub removes a directory in this one, with its files. It does not go deeper.
func (d *Dir) RemoveSub(name string) error {
	sub, err := d.Sub(name, false)
	if err != nil {
		return err
	}
	defer sub.Close()
	names, err := sub.Names()
	if err != nil {
		return err
	}
	for _, n := range names {
		if err := sub.Remove(n); err != nil {
			return err
		}
	}
	if err := unix.Unlinkat(int(d.file.Fd()), name, unix.AT_REMOVEDIR); err != nil {
		return &os.PathError{Op: "remove", Path: d.Path(name), Err: err}
	}
	return nil
}

// Names lists the names in the directory, sorted.
func (d *Dir) Names() ([]string, error) {
	if _, err := d.file.Seek(0, 0); err != nil {
		return nil, err
	}
	names, err := d.file.Readdirnames(-1)
	slices.Sort(names)
	return names, err
}

// Sync writes the names of the directory to the disk (man 2 fsync). Some file systems cannot (EINVAL); that is no
// error.
func (d *Dir) Sync() error {
	if err := d.file.Sync(); err != nil && !errors.Is(err, unix.EINVAL) {
		return err
	}
	return nil
}

// lockTime is the longest wait for another writer. A writer holds a lock for some milliseconds, unless it is stopped.
const lockTime = 5 * time.Second

// Lock waits until no other process writes, and returns the open lock; its Close frees the lock (man 2 flock). shared
// is for readers: such a lock makes no file. The lock is a file of its own: NFS locks no directories.
func (d *Dir) Lock(name string, shared bool) (*os.File, error) {
	flags, how := unix.O_RDWR|unix.O_CREAT, unix.LOCK_EX
	if shared {
		flags, how = unix.O_RDONLY, unix.LOCK_SH
	}
	f, err := d.Open(name, flags)
	if err != nil {
		return nil, err
	}
	for end := time.Now().Add(lockTime); ; time.Sleep(2 * time.Millisecond) {
		err := unix.Flock(int(f.Fd()), how|unix.LOCK_NB)
		if err == nil {
			return f, nil
		}
		if err != unix.EINTR && (err != unix.EAGAIN || time.Now().After(end)) {
			f.Close()
			if err == unix.EAGAIN {
				return nil, fmt.Errorf("%s: another ipctop holds it for more than %v: is it stopped?", d.Path(name),
					lockTime)
			}
			return nil, &os.PathError{Op: "lock", Path: d.Path(name), Err: err}
		}
	}
}
