package process

import (
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// Limits reads the limits of a living process of the live machine by prlimit(2). A caller of another user needs
// CAP_SYS_RESOURCE, though every user may read the same limits in /proc/PID/limits. It costs half a microsecond.
func Limits(pid int) (l ProcLimits, err error) {
	if err := sys.CheckPIDs(); err != nil {
		return l, err
	}
	const msgQueue = 12 // RLIMIT_MSGQUEUE, include/uapi/asm-generic/resource.h
	var files, queues unix.Rlimit
	if err = unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &files); err == nil {
		err = unix.Prlimit(pid, msgQueue, nil, &queues)
	}
	// no limit is RLIM64_INFINITY, the largest number
	return ProcLimits{OpenFiles: files.Cur, MsgQueue: queues.Cur}, err
}
