package process

import "golang.org/x/sys/unix"

// Calls that arm64 lacks. glibc makes other calls there.
const (
	sysPoll   = unix.SYS_POLL
	sysSelect = unix.SYS_SELECT
	sysOpen   = unix.SYS_OPEN
	sysCreat  = unix.SYS_CREAT
	sysVfork  = unix.SYS_VFORK
)

// archCall names the calls that amd64 has and arm64 lacks.
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
	case unix.SYS_VFORK:
		return "vfork", true
	}
	return "", false
}
