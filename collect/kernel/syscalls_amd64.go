package kernel

import "golang.org/x/sys/unix"

// archCall names the calls that amd64 has besides those that arm64 has as well.
func archCall(nr int) (string, bool) {
	switch nr {
	case unix.SYS_POLL:
		return "poll", true
	case unix.SYS_SELECT:
		return "select", true
	case unix.SYS_PAUSE:
		return "pause", true
	case unix.SYS_EPOLL_WAIT:
		return "epoll_wait", true
	case unix.SYS_OPEN:
		return "open", true
	}
	return "", false
}
