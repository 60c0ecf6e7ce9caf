package process

import (
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// ClosedStreams lists the standard streams (1: output, 2: errors) that this program was started without.
//
// At start, Go's runtime opens /dev/null for reading and writing in place of a missing stream (checkfds in
// runtime/fds_unix.go), so no file of the program ever becomes stream 0, 1 or 2. Nothing else marks such a stream. A
// shell's > /dev/null is open for writing only, and a program that gives /dev/null to several streams usually
// shares one open file. So a stream counts as closed if it is /dev/null, open for reading and writing, and no other
// stream has the same open file. A single stream that another program opened in this way counts as closed, too.
func ClosedStreams() (closed []int) {
	for _, fd := range []int{1, 2} {
		if looksClosed(fd) {
			closed = append(closed, fd)
		}
	}
	return closed
}

func looksClosed(fd int) bool {
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil {
		return true
	}
	const null = 1<<8 | 3 // Documentation/admin-guide/devices.txt
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	if st.Mode&unix.S_IFMT != unix.S_IFCHR || st.Rdev != null || err != nil || flags&unix.O_ACCMODE != unix.O_RDWR {
		return false
	}
	self := os.Getpid()
	return !slices.ContainsFunc([]int{0, 1, 2}, func(other int) bool {
		order, err := CompareFiles(self, fd, self, other)
		return other != fd && err == nil && order == 0
	})
}
