package sys

import (
	"os"

	"golang.org/x/sys/unix"
)

// FreeDescriptors is the number of descriptors that this process may still open (RLIMIT_NOFILE). The Go runtime has
// raised the soft limit to the hard limit (os/rlimit.go). If /proc does not show this process, descriptors that are
// open count as free.
func FreeDescriptors() int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0
	}
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		open = nil
	}
	return int(min(limit.Cur, 1<<20)) - len(open)
}
