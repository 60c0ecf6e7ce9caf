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

// ErrnoError is nil for errno 0. A plain conversion would give a non-nil error that holds 0.
func ErrnoError(errno unix.Errno) error {
	if errno != 0 {
		return errno
	}
	return nil
}
