package sys

import (
	"encoding/binary"
	"io"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// OpenDir opens a directory, relative to another one.
func OpenDir(at int, path string) (int, error) {
	return unix.Openat(at, path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
}

// EachDirent reads a directory by getdents64 (struct linux_dirent64, man 2 getdents): ino u64, off i64, reclen u16,
// type u8, name. name ends with its NUL, so the *at calls take it unchanged. It leaves out "." and "..".
func EachDirent(fd int, buf []byte, visit func(name []byte)) error {
	return EachTyped(fd, buf, func(_ uint8, name []byte) bool {
		visit(name)
		return true
	})
}

// EachTyped is EachDirent with each entry's type: DT_FIFO and so on, or DT_UNKNOWN if the file system does not know.
// It stops when visit returns false.
func EachTyped(fd int, buf []byte, visit func(typ uint8, name []byte) bool) error {
	for {
		n, err := unix.Getdents(fd, buf)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		if n == 0 {
			return nil
		}
		for rest := buf[:n]; len(rest) >= 19; {
			reclen := int(binary.NativeEndian.Uint16(rest[16:]))
			if reclen < 20 || reclen > len(rest) {
				return io.ErrUnexpectedEOF
			}
			name := rest[19:reclen]
			for i, c := range name {
				if c == 0 {
					name = name[:i+1]
					break
				}
			}
			if s := string(name); s != ".\x00" && s != "..\x00" && !visit(rest[18], name) {
				return nil
			}
			rest = rest[reclen:]
		}
	}
}

// Readlinkat is readlinkat(2) for a NUL-terminated name of getdents64. x/sys's wrapper copies each name to the heap.
func Readlinkat(fd int, name, buf []byte) (int, syscall.Errno) {
	n, _, e := unix.Syscall6(unix.SYS_READLINKAT, uintptr(fd), uintptr(unsafe.Pointer(&name[0])),
		uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)), 0, 0)
	return int(n), e
}

// Fstatat is fstatat(2) for a NUL-terminated name of getdents64. x/sys's wrapper copies each name to the heap.
func Fstatat(fd int, name []byte, st *unix.Stat_t, flags int) syscall.Errno {
	_, _, e := unix.Syscall6(sysFstatat, uintptr(fd), uintptr(unsafe.Pointer(&name[0])), uintptr(unsafe.Pointer(st)),
		uintptr(flags), 0, 0)
	return e
}
