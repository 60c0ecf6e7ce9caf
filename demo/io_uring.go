package demo

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/schema"
)

// ioUring is a ring without any requests. The kernel may refuse rings to ordinary users or to everybody
// (kernel.io_uring_disabled).
func ioUring() Scenario {
	return singleDescriptor(schema.IOUring, "io-uring", "io_uring instance",
		"rings for 8 submissions and 16 completions",
		func() (int, error) {
			var params [120]byte // struct io_uring_params
			fd, _, e := unix.Syscall(unix.SYS_IO_URING_SETUP, 8, uintptr(unsafe.Pointer(&params)), 0)
			if e != 0 {
				return -1, fmt.Errorf("io_uring_setup: %w", e)
			}
			return int(fd), nil
		})
}
