package namespace

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// nsGetID is NS_GET_ID of ioctl_nsfs(2), since Linux 6.18. The number is unique until the next boot; a younger
// namespace has a higher number. The kernel uses inode numbers of namespaces again.
const nsGetID = 0x8008b70d

// ID is the unique number of the reader's own namespace of a type. A younger namespace has a higher number. ENOTTY:
// the kernel is older than 6.18.
func ID(root sys.Root, typ string) (uint64, error) {
	if !root.Live() {
		return 0, fmt.Errorf("id of the %s namespace: %w", typ, sys.ErrNotLive)
	}
	fd, err := unix.Open("/proc/thread-self/ns/"+typ, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("id of the %s namespace: %w", typ, err)
	}
	defer unix.Close(fd)
	var id uint64
	if _, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), nsGetID, uintptr(unsafe.Pointer(&id))); e != 0 {
		return 0, fmt.Errorf("id of the %s namespace: ioctl NS_GET_ID: %w", typ, e)
	}
	return id, nil
}
