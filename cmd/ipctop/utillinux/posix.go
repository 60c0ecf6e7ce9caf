package utillinux

import (
	"errors"

	"github.com/ipctop/ipctop/collect/kernel/posix"
)

// cannotOpen says that a directory of POSIX objects cannot be read. It is no failure: there is nothing in it then.
func (s *session) cannotOpen(dir string, _ error) { s.warn("cannot open %s", dir) }

// queuesUnseen says why POSIX message queues cannot be listed.
func (s *session) queuesUnseen(err error) {
	if errors.Is(err, posix.ErrNotMounted) {
		s.warn("/dev/mqueue does not seem to be mounted. Use 'mount -t mqueue none /dev/mqueue' to mount it.")
		return
	}
	s.cannotOpen("/dev/mqueue", err)
}
