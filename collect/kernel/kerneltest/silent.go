package kerneltest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// MountSilent mounts a FUSE file system whose server never answers. mode is the type of its root. A process that asks
// the server anything sleeps in state D. It still ends by SIGKILL.
func MountSilent(tb testing.TB, point string, mode uint32) {
	tb.Helper()
	mountFUSE(tb, point, mode)
}

// mountFUSE mounts a FUSE file system and returns the descriptor of its server.
func mountFUSE(tb testing.TB, point string, mode uint32) (fd int) {
	tb.Helper()
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		tb.Skipf("needs FUSE: open /dev/fuse: %v", err)
	}
	OK(tb, err)
	tb.Cleanup(func() { unix.Close(fd) }) // without its server, the mount answers every question with an error
	tb.Cleanup(func() { unix.Unmount(point, unix.MNT_DETACH) })
	OK(tb, unix.Mount("silent", point, "fuse", 0, fmt.Sprintf("fd=%d,rootmode=%o,user_id=0,group_id=0", fd, mode)))
	return fd
}

// MountWithholding mounts a FUSE file whose server answers everything but reads: its pages never come. Every second
// open of the file gets FOPEN_DIRECT_IO. A mmap(2) of such an open waits for a page that another open asked for, and
// keeps the lock of its process's memory meanwhile (fuse_file_mmap in fs/fuse/file.c). The end of the test ends all
// these waits. Processes that wait must be started before. asked is closed at the first read.
func MountWithholding(tb testing.TB, point string) (asked <-chan struct{}) {
	tb.Helper()
	fd := mountFUSE(tb, point, unix.S_IFREG|0o666)
	served, read := make(chan struct{}), make(chan struct{})
	tb.Cleanup(func() { <-served })
	tb.Cleanup(func() { unix.Unmount(point, unix.MNT_FORCE) }) // the waiting requests fail, and the server ends
	go func() {
		defer close(served)
		serveNoPages(fd, sync.OnceFunc(func() { close(read) }))
	}()
	return read
}

// serveNoPages answers requests (include/uapi/linux/fuse.h) until the file system is unmounted. It calls asked for a
// read.
func serveNoPages(fd int, asked func()) {
	const (
		getattr, open, read, initialize, interrupt = 3, 14, 15, 26, 36
		directIO                                   = 1
	)
	ne := binary.NativeEndian
	buf := make([]byte, 1<<20)
	for opens := uint32(0); ; {
		n, err := unix.Read(fd, buf)
		switch {
		case err == unix.EINTR || err == unix.ENOENT: // ENOENT: the request was given up
			continue
		case err != nil || n < 40:
			return
		}
		code, answer := int32(0), []byte{}
		switch ne.Uint32(buf[4:]) {
		case read:
			asked()
			continue
		case interrupt:
			continue
		case initialize: // version 7.31; requests of 128 KiB; FUSE_ASYNC_READ
			answer = make([]byte, 64)
			for at, value := range map[int]uint32{0: 7, 4: 31, 8: 128 << 10, 12: 1, 16: 12 | 9<<16, 20: 128 << 10,
				24: 1} {
				ne.PutUint32(answer[at:], value)
			}
		case getattr: // struct fuse_attr_out: a file of 64 KiB
			answer = make([]byte, 16+88)
			ne.PutUint64(answer, 3600)
			ne.PutUint64(answer[16:], 1)
			ne.PutUint64(answer[24:], 64<<10)
			ne.PutUint32(answer[76:], unix.S_IFREG|0o666)
			ne.PutUint32(answer[80:], 1)
		case open:
			answer = make([]byte, 16)
			ne.PutUint64(answer, uint64(opens))
			ne.PutUint32(answer[8:], opens%2*directIO)
			opens++
		default:
			code = -int32(unix.ENOSYS)
		}
		head := make([]byte, 16, 16+len(answer))
		ne.PutUint32(head, uint32(16+len(answer)))
		ne.PutUint32(head[4:], uint32(code))
		ne.PutUint64(head[8:], ne.Uint64(buf[8:]))
		unix.Write(fd, append(head, answer...))
	}
}
