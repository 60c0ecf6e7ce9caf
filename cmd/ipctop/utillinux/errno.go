package utillinux

import (
	"errors"
	"syscall"
)

// strerror gives the C library's text for an error's errno (man 3 strerror). Go's own texts are mostly the same, in
// lower case. Some texts differ in words, so the list has the errors that IPC calls and writes can return.
func strerror(err error) string {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return err.Error()
	}
	switch errno {
	case syscall.EPERM:
		return "Operation not permitted"
	case syscall.ENOENT:
		return "No such file or directory"
	case syscall.EINTR:
		return "Interrupted system call"
	case syscall.EIO:
		return "Input/output error"
	case syscall.EBADF:
		return "Bad file descriptor"
	case syscall.ENOMEM:
		return "Cannot allocate memory"
	case syscall.EACCES:
		return "Permission denied"
	case syscall.EEXIST:
		return "File exists"
	case syscall.EINVAL:
		return "Invalid argument"
	case syscall.ENFILE:
		return "Too many open files in system"
	case syscall.EMFILE:
		return "Too many open files"
	case syscall.EFBIG:
		return "File too large"
	case syscall.ENOSPC:
		return "No space left on device"
	case syscall.EROFS:
		return "Read-only file system"
	case syscall.ERANGE:
		return "Numerical result out of range"
	case syscall.ENAMETOOLONG:
		return "File name too long"
	case syscall.ENOSYS:
		return "Function not implemented"
	case syscall.EIDRM:
		return "Identifier removed"
	case syscall.EOVERFLOW:
		return "Value too large for defined data type"
	case syscall.EDQUOT:
		return "Disk quota exceeded"
	}
	text := errno.Error()
	if text != "" && text[0] >= 'a' && text[0] <= 'z' {
		text = string(text[0]-0x20) + text[1:]
	}
	return text
}
