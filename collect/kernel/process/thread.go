package process

import (
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/scan"
	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// TIDs lists the threads of the process, in the order of /proc: the oldest first. Every user may list them. buf is
// scratch space of at least 8 KiB. It costs 6 microseconds, and 0.3 for each thread.
func (p Dir) TIDs(buf []byte) ([]int, error) {
	dir, err := sys.OpenDir(p.fd, "task")
	if err == nil {
		defer unix.Close(dir)
		var tids []int
		err = sys.EachDirent(dir, buf, func(name []byte) {
			if tid, ok := scan.Atoi(name[:len(name)-1]); ok {
				tids = append(tids, tid)
			}
		})
		if err == nil {
			return tids, nil
		}
	}
	return nil, fmt.Errorf("list /proc/%d/task: %w", p.PID, err)
}

// OfThread opens /proc/PID/task/TID. The directory has the thread's own descriptors, namespaces, root and working
// directory. It has no task and no map_files. fs.ErrNotExist: the process has no such thread. The caller closes it.
func (p Dir) OfThread(tid int) (Dir, error) {
	fd, err := unix.Openat(p.fd, "task/"+strconv.Itoa(tid), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return Dir{}, fmt.Errorf("open /proc/%d/task/%d: %w", p.PID, tid, err)
	}
	return Dir{PID: tid, fd: fd, live: p.live, root: p.root}, nil
}
