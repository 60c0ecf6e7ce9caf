package posix

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/vfs"
)

// FileOwner is the owner and the permissions of a new object.
type FileOwner struct {
	UID, GID uint32
	Perms    uint32
}

// ShmMake makes shared memory by its name ("/name"). It begins as a file that only we may open; fill writes it; then it
// gets its owner. If anything fails, ShmMake removes the file again. EEXIST: the name is taken.
func ShmMake(name string, owner FileOwner, fill func(*os.File) error) error {
	fd, err := ShmOpen(name, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return complete(fd, name, owner, fill, ShmRemoveSame)
}

// SemMake makes a named semaphore, in the same way.
func SemMake(name string, value uint32, owner FileOwner) error {
	fd, _, err := SemOpenNew(name, 0o600, value)
	if err != nil {
		return err
	}
	return complete(fd, name, owner, func(*os.File) error { return nil }, SemRemoveSame)
}

// MsgMake makes a queue, in the same way. fill gets a descriptor that does not block.
func MsgMake(name string, attr MqAttr, owner FileOwner, fill func(fd int) error) error {
	fd, err := MqOpen(name, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL|unix.O_NONBLOCK, 0o600, &attr)
	if err != nil {
		return err
	}
	return complete(fd, name, owner, func(f *os.File) error { return fill(int(f.Fd())) }, MsgRemoveSame)
}

func complete(fd int, name string, owner FileOwner, fill func(*os.File) error,
	remove func(string, vfs.Same) error) error {
	f := os.NewFile(uintptr(fd), name)
	defer f.Close()
	err := fill(f)
	if err == nil {
		err = give(fd, owner)
	}
	if err == nil {
		return nil
	}
	err = fmt.Errorf("make %s: %w", name, err)
	var st unix.Stat_t
	if statErr := unix.Fstat(fd, &st); statErr != nil {
		return errors.Join(err, statErr)
	}
	return errors.Join(err, remove(name, vfs.Same{Dev: st.Dev, Ino: st.Ino}))
}

// give sets the owner first: chown(2) takes bits of the mode away.
func give(fd int, owner FileOwner) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Uid != owner.UID || st.Gid != owner.GID {
		if err := unix.Fchown(fd, int(owner.UID), int(owner.GID)); err != nil {
			return err
		}
	}
	return unix.Fchmod(fd, owner.Perms)
}

// OpenShm opens shared memory by its name ("/name") for reading, if the file still has this device and inode number.
func (d ShmDir) OpenShm(name string, dev, ino uint64) (*os.File, error) {
	fd, err := d.open(name[1:])
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	var st unix.Stat_t
	if err = unix.Fstat(fd, &st); err == nil && (st.Dev != dev || st.Ino != ino) {
		err = ErrChanged
	}
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

// OpenShm is ShmDir.OpenShm in our own /dev/shm.
func OpenShm(name string, dev, ino uint64) (f *os.File, err error) {
	err = inOwn("", func(d ShmDir) (err error) { f, err = d.OpenShm(name, dev, ino); return err })
	return f, err
}
