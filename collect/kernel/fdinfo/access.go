package fdinfo

import (
	"bytes"
	"strconv"

	"golang.org/x/sys/unix"
)

// Access is the open mode of a descriptor.
type Access uint8

const (
	CanRead Access = 1 << iota
	CanWrite
)

// String is "r", "w", "rw" or "".
func (a Access) String() string {
	return [...]string{"", "r", "w", "rw"}[a&3]
}

// AccessOf is the access mode in the flags of open(2).
func AccessOf(flags int) Access {
	switch flags & unix.O_ACCMODE {
	case unix.O_RDONLY:
		return CanRead
	case unix.O_WRONLY:
		return CanWrite
	}
	return CanRead | CanWrite
}

// Flags reads the flags of open(2), which the fdinfo of every descriptor has.
func Flags(text []byte) (int, bool) {
	for line := range bytes.Lines(text) {
		if rest, ok := bytes.CutPrefix(line, []byte("flags:")); ok {
			n, err := strconv.ParseInt(string(bytes.TrimSpace(rest)), 8, 64)
			return int(n), err == nil
		}
	}
	return 0, false
}

// PollAccess turns EPOLL* events, which are also poll's events, into the awaited access. Urgent data and a peer's
// hang-up count as input.
func PollAccess(events uint32) Access {
	var a Access
	if events&(unix.EPOLLIN|unix.EPOLLPRI|unix.EPOLLRDNORM|unix.EPOLLRDBAND|unix.EPOLLRDHUP) != 0 {
		a |= CanRead
	}
	if events&(unix.EPOLLOUT|unix.EPOLLWRNORM|unix.EPOLLWRBAND) != 0 {
		a |= CanWrite
	}
	return a
}

// For is the access for which an epoll instance watches the descriptor.
func (t EpollTarget) For() Access { return PollAccess(t.Events) }
