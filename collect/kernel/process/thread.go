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
	dir, err := p.openDir("task")
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
	if p.tree != nil {
		return openTree(p.tree.root, tid, p.tree.path("task/"+strconv.Itoa(tid)))
	}
	fd, err := unix.Openat(p.fd, "task/"+strconv.Itoa(tid), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return Dir{}, fmt.Errorf("open /proc/%d/task/%d: %w", p.PID, tid, err)
	}
	return Dir{PID: tid, fd: fd, live: true, memory: &memory{}, stalls: p.stalls, lane: p.lane}, nil
}

// ThreadOwners lists the effective uid of each thread, without the threads that end meanwhile. The uid owns
// /proc/PID/task/TID, even if the process is not dumpable (task_dump_owner in fs/proc/base.c). buf is scratch space of
// at least 8 KiB. It costs 3 microseconds for each thread.
func (p Dir) ThreadOwners(buf []byte) (owners map[int]uint32, err error) {
	tids, err := p.TIDs(buf)
	if err != nil {
		return nil, err
	}
	owners = make(map[int]uint32, len(tids))
	for _, tid := range tids {
		var st unix.Stat_t
		err := unix.Fstatat(p.fd, "task/"+strconv.Itoa(tid), &st, 0)
		switch {
		case err == nil:
			owners[tid] = st.Uid
		case !sys.Gone(err):
			return owners, fmt.Errorf("stat /proc/%d/task/%d: %w", p.PID, tid, err)
		}
	}
	return owners, nil
}

// FilesOwner is the uid that owns the files of the process. It is the effective uid, or root's if the process has
// changed its uid since execve(2), or keeps secrets (task_dump_owner in fs/proc/base.c; PR_SET_DUMPABLE in man 2
// prctl).
func (p Dir) FilesOwner() (uint32, error) {
	var st unix.Stat_t
	if err := unix.Fstatat(p.fd, "stat", &st, 0); err != nil {
		return 0, fmt.Errorf("stat /proc/%d/stat: %w", p.PID, err)
	}
	return st.Uid, nil
}
