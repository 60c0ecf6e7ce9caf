package utillinux

import (
	"errors"

	"github.com/ipctop/ipctop/collect/kernel/posix"
)

// cannotOpen warns that a directory of POSIX objects cannot be read. The exit code stays 0, as for an empty directory.
func (s *session) cannotOpen(dir string, _ error) { s.warn("cannot open %s", dir) }

// queuesUnseen warns that POSIX message queues cannot be listed, and why.
func (s *session) queuesUnseen(err error) {
	if errors.Is(err, posix.ErrNotMounted) {
		s.warn("/dev/mqueue does not seem to be mounted. Use 'mount -t mqueue none /dev/mqueue' to mount it.")
		return
	}
	s.cannotOpen("/dev/mqueue", err)
}
