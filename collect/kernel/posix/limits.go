package posix

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/scan"
	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// MqLimits are the limits of POSIX message queues (mq_overview(7), /proc/sys/fs/mqueue), for one IPC namespace. Only
// MsgMax, MsgSizeMax and QueuesMax are limits. A process with CAP_SYS_RESOURCE may go beyond them.
type MqLimits struct {
	QueuesMax      uint64 // most queues
	MsgMax         uint64 // most messages in a queue
	MsgSizeMax     uint64 // longest message, bytes
	MsgDefault     uint64 // maxmsg of a queue that its maker gives no attributes
	MsgSizeDefault uint64 // msgsize of such a queue, bytes
}

// ReadMqLimits reads /proc/sys/fs/mqueue. fs.ErrNotExist: the kernel has no POSIX message queues.
func ReadMqLimits(root sys.Root) (MqLimits, error) {
	var l MqLimits
	for _, limit := range []struct {
		name string
		into *uint64
	}{
		{"queues_max", &l.QueuesMax}, {"msg_max", &l.MsgMax}, {"msgsize_max", &l.MsgSizeMax},
		{"msg_default", &l.MsgDefault}, {"msgsize_default", &l.MsgSizeDefault},
	} {
		path := "/proc/sys/fs/mqueue/" + limit.name
		data, err := root.ReadFile(path)
		if err != nil {
			return MqLimits{}, err
		}
		f := scan.Numbers{Rest: bytes.TrimSpace(data)}
		if *limit.into = f.Uint64(); f.Bad {
			return MqLimits{}, fmt.Errorf("read %s: %w", path, scan.ErrMalformed)
		}
	}
	return l, nil
}

// DevShmUse is the size of /dev/shm and its use.
type DevShmUse struct {
	Size, Used        uint64 // bytes; Size 0: no limit (a tmpfs with the mount option size=0)
	Inodes, InodeUsed uint64 // files; Inodes 0: no limit
}

// ReadDevShmUse reads the size and use of the file system at /dev/shm. sys.ErrNotLive on a file tree. fs.ErrNotExist
// on a machine without /dev/shm.
func ReadDevShmUse(root sys.Root) (DevShmUse, error) {
	if !root.Live() {
		return DevShmUse{}, fmt.Errorf("size of %s: %w", devShm, sys.ErrNotLive)
	}
	var use DevShmUse
	err := inOwn(root, func(d ShmDir) (err error) { use, err = d.Use(); return err })
	return use, err
}

func useOf(st *unix.Statfs_t) DevShmUse {
	block := uint64(st.Bsize)
	return DevShmUse{
		Size: st.Blocks * block, Used: (st.Blocks - st.Bfree) * block,
		Inodes: st.Files, InodeUsed: st.Files - st.Ffree,
	}
}

// DevShmDevice is the device (st_dev) of /dev/shm. ok is false on a machine without /dev/shm.
func DevShmDevice(root sys.Root) (dev uint64, ok bool, err error) {
	err = inOwn(root, func(d ShmDir) error { dev = d.Dev; return nil })
	if errors.Is(err, fs.ErrNotExist) {
		return 0, false, nil
	}
	return dev, err == nil, err
}

// DevShmIsTmpfs is true if memory backs /dev/shm (TMPFS_MAGIC, RAMFS_MAGIC: man 2 statfs). sys.ErrNotLive on a file
// tree. fs.ErrNotExist on a machine without /dev/shm.
func DevShmIsTmpfs(root sys.Root) (bool, error) {
	if !root.Live() {
		return false, fmt.Errorf("file system of %s: %w", devShm, sys.ErrNotLive)
	}
	var st unix.Statfs_t
	err := inOwn(root, func(d ShmDir) error { return unix.Fstatfs(d.fd, &st) })
	if err != nil {
		return false, fmt.Errorf("file system of %s: %w", devShm, err)
	}
	return st.Type == unix.TMPFS_MAGIC || st.Type == unix.RAMFS_MAGIC, nil
}
