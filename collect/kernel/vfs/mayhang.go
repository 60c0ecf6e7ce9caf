package vfs

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ErrMayHang means that a path leads to a mount whose server may be dead.
var ErrMayHang = errors.New("it lies on a network or FUSE mount, where a dead server would hang the look at it")

// MayHang reports whether a file system asks a server or a user process, which may not answer. fsType is its name in
// /proc/PID/mountinfo.
func MayHang(fsType string) bool {
	switch fsType {
	case "nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "glusterfs", "afs", "coda", "gfs2", "lustre", "autofs", "fuse",
		"fuseblk", "orangefs":
		return true
	}
	return strings.HasPrefix(fsType, "fuse.")
}

// CheckServer is ErrMayHang if an open file lies on a mount whose server may be dead. O_PATH is enough. It asks the
// kernel's tables only: neither stat nor statfs of such a file is sure to return. It costs 3 microseconds on a tmpfs
// since Linux 6.8, else some 60. A mount that this process's root directory hides is not listed, and nil is the answer.
func CheckServer(fd int) error {
	if inMemory(fd) {
		return nil
	}
	mount := mountOf(fd)
	if mount == nil {
		return nil
	}
	info, err := unix.Open("/proc/self/mountinfo", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(info)
	if MayHang(typeOfMount(procFile(info), mount)) {
		return ErrMayHang
	}
	return nil
}

// inMemory is true if statmount tells that an open file is on a tmpfs (man 2 statmount, Linux 6.8).
func inMemory(fd int) bool {
	const (
		uniqueID = 0x4000 // STATX_MNT_ID_UNIQUE (include/uapi/linux/stat.h)
		sbBasic  = 1      // STATMOUNT_SB_BASIC (include/uapi/linux/mount.h)
	)
	id, ok := mountNumber(fd, uniqueID)
	if !ok {
		return false
	}
	request := struct { // struct mnt_id_req
		size, _   uint32
		id, param uint64
	}{24, 0, id, sbBasic}
	var answer struct { // the begin of struct statmount; the rest is 512 bytes
		size, _      uint32
		mask         uint64
		major, minor uint32
		magic        uint64
		_            [480]byte
	}
	_, _, errno := unix.Syscall6(unix.SYS_STATMOUNT, uintptr(unsafe.Pointer(&request)),
		uintptr(unsafe.Pointer(&answer)), unsafe.Sizeof(answer), 0, 0, 0)
	return errno == 0 && answer.mask&sbBasic != 0 && answer.magic == unix.TMPFS_MAGIC
}

// mountNumber reads the number of an open file's mount. kind is the bit of statx for it. ok is false if the kernel does
// not know this kind of number.
func mountNumber(fd, kind int) (id uint64, ok bool) {
	var st unix.Statx_t
	err := unix.Statx(fd, "", unix.AT_EMPTY_PATH|unix.AT_STATX_DONT_SYNC, kind, &st)
	return st.Mnt_id, err == nil && int(st.Mask)&kind != 0
}

// procFile is an open file of /proc, without the poller of os.File.
type procFile int

func (f procFile) Read(buf []byte) (int, error) {
	n, err := unix.Read(int(f), buf)
	if n <= 0 && err == nil {
		err = io.EOF
	}
	return max(n, 0), err
}

// mountOf is the mount of an open file: the digits of its number in mountinfo. nil: there is no /proc.
func mountOf(fd int) []byte {
	if id, ok := mountNumber(fd, unix.STATX_MNT_ID); ok { // Linux 5.8
		return strconv.AppendUint(nil, id, 10)
	}
	info, err := unix.Open("/proc/self/fdinfo/"+strconv.Itoa(fd), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(info)
	buf := make([]byte, 256) // pos, flags and mnt_id come first, on a line each
	n, _ := procFile(info).Read(buf)
	_, after, found := bytes.Cut(buf[:n], []byte("mnt_id:"))
	if !found {
		return nil
	}
	line, _, _ := bytes.Cut(after, []byte("\n"))
	return bytes.TrimSpace(line)
}

// typeOfMount is the type in the line of a mount. It reads no further: the kernel writes the lines as they are read, in
// the order of mounting. "" means that the mount is not listed.
func typeOfMount(info io.Reader, mount []byte) string {
	begin := append(bytes.Clone(mount), ' ')
	var text []byte
	buf := make([]byte, 4096)
	for {
		n, err := info.Read(buf)
		text = append(text, buf[:n]...)
		for {
			line, rest, whole := bytes.Cut(text, []byte("\n"))
			if !whole {
				break
			}
			if bytes.HasPrefix(line, begin) {
				_, after, _ := bytes.Cut(line, []byte(" - ")) // man 5 proc_pid_mountinfo: spaces of paths are escaped
				typ, _, _ := bytes.Cut(after, []byte(" "))
				return string(typ)
			}
			text = rest
		}
		if err != nil || n == 0 {
			return ""
		}
	}
}
