package utillinux

import (
	"github.com/ipctop/ipctop/collect/kernel/vfs"
	"github.com/ipctop/ipctop/collect/schema"
)

// ipcrm -a removes all objects of a category. Without a category it removes every System V object, as util-linux did
// before 2.41. Newer releases also remove every file of /dev/shm, from any program. Ours removes POSIX objects only if
// the command line names their category.
//
// Nothing in a file of /dev/shm shows that shm_open made it. shm_open cannot make directories, links, sockets,
// executable files, or files with several names: they all stay. Files that do not look like memory stay too: empty
// files, texts, and files with a dot before the name, because programs use such names for temporary files. A semaphore
// can be recognised by its contents.

// removeAll removes one category after another.
func (r *ipcrmRun) removeAll(categories []string) {
	removers := r.removers()
	for _, category := range categories {
		if !removers[category]() {
			return
		}
	}
}

func (r *ipcrmRun) removers() map[string]func() bool {
	return map[string]func() bool{
		"shm": r.removeAllShm, "msg": r.removeAllMsg, "sem": r.removeAllSem,
		"pshm": r.removeAllPosixShm, "pmsg": r.removeAllPosixMsg, "psem": r.removeAllPosixSem,
	}
}

// The functions for System V objects skip objects that the user may not read. In util-linux the *_STAT calls skip them.

func (r *ipcrmRun) removeAllShm() (goesOn bool) {
	segments, _ := r.host.ShmSegments(false)
	for _, m := range segments {
		if r.host.ShmReadable(m.ID) && !r.remove(schema.Shm, m.ID, "id") {
			return false
		}
	}
	return true
}

func (r *ipcrmRun) removeAllMsg() (goesOn bool) {
	queues, _ := r.host.MsgQueues(false)
	for _, q := range queues {
		if r.host.MsgReadable(q.ID) && !r.remove(schema.Msg, q.ID, "id") {
			return false
		}
	}
	return true
}

func (r *ipcrmRun) removeAllSem() (goesOn bool) {
	sets, _ := r.host.SemSets()
	for _, set := range sets {
		if r.host.SemReadable(set.ID) && !r.remove(schema.Sem, set.ID, "id") {
			return false
		}
	}
	return true
}

func (r *ipcrmRun) removeAllPosixShm() (goesOn bool) {
	files, err := r.host.PosixShmFiles()
	if err != nil {
		r.cannotOpen("/dev/shm", err)
	}
	for _, f := range files {
		if isPosixShm(&f) && r.host.PosixShmLikely(&f) && !r.byName("shared memory", f.Name, r.direct.RemovePosixShm) {
			return false
		}
	}
	return true
}

// isPosixShm is true if shm_open can have made the file of /dev/shm.
func isPosixShm(f *vfs.PosixFile) bool {
	return f.Links == 1 && f.Mode&0o111 == 0 && f.Mode.IsRegular() && f.Name[0] != '.'
}

func (r *ipcrmRun) removeAllPosixMsg() (goesOn bool) {
	queues, err := r.host.PosixQueues()
	if err != nil {
		r.queuesUnseen(err)
	}
	for _, q := range queues {
		if !r.byName("message queue", "/"+q.Name, r.direct.RemovePosixMsg) {
			return false
		}
	}
	return true
}

func (r *ipcrmRun) removeAllPosixSem() (goesOn bool) {
	sems, err := r.host.PosixSems()
	if err != nil {
		r.cannotOpen("/dev/shm", err)
	}
	for _, s := range sems {
		if s.Links == 1 && !r.byName("semaphore", s.Name, r.direct.RemovePosixSem) {
			return false
		}
	}
	return true
}
