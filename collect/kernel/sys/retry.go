package sys

import "golang.org/x/sys/unix"

// RetryEINTR repeats a call as long as a signal interrupts it.
func RetryEINTR(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}

// ErrnoError avoids a non-nil error that holds errno 0.
func ErrnoError(errno unix.Errno) error {
	if errno != 0 {
		return errno
	}
	return nil
}
