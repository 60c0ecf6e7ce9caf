package utillinux

import (
	"github.com/ipctop/ipctop/collect/kernel/vfs"
	"github.com/ipctop/ipctop/collect/schema"
)

// ipcrm -a: everything of a category. Without a category that is every System V object, as before 2.41: since then
// util-linux takes every file of /dev/shm with it, whoever made it. A category of POSIX objects is removed when it is
// named.
//
// Nothing in a file of /dev/shm says that shm_open made it. What shm_open cannot have made (directories, links,
// sockets, files with more than one name or that can be run) stays, and so does what does not look like memory: empty
// files, texts, and what has a dot before its name, which is where programs keep temporary files. Semaphores have
// contents that can be told.

// removeAll removes the categories in turn.
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

// The System V ones leave out what may not be read, as util-linux's *_STAT does.

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

// isPosixShm says whether a regular file of /dev/shm can be shared memory that shm_open made.
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
