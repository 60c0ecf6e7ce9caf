package sysv

import (
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// MsgStat reads one queue again, with any owner. fs.ErrNotExist: no queue has this id.
func MsgStat(root sys.Root, id int) (MsgQueue, error) {
	list := func() ([]MsgQueue, error) { return MsgQueues(root, true) }
	return statOne(root, msgWord, id, statMsg, list)
}

// SemStat reads one semaphore set again, with any owner. fs.ErrNotExist: no set has this id.
func SemStat(root sys.Root, id int) (SemSet, error) {
	list := func() ([]SemSet, error) { return SemSets(root) }
	return statOne(root, semWord, id, statSem, list)
}

// ShmStat reads one segment again, with any owner, without RSS and swap. fs.ErrNotExist: no segment has this id.
func ShmStat(root sys.Root, id int) (ShmSegment, error) {
	list := func() ([]ShmSegment, error) { return ShmSegments(root, false) }
	return statOne(root, shmWord, id, statShm, list)
}

// identified is a row with an id.
type identified interface{ id() int }

func (p IPCPerm) id() int { return p.ID }

// statOne reads the object at the id's index and compares its id. *_STAT_ANY computes the index from an id of any
// width (15 bits, or 24 with ipcmni_extend). It ignores the sequence number above the index. Where the call fails,
// statOne searches the list.
func statOne[T identified](root sys.Root, what string, id int, stat func(int, *T) error, list func() ([]T, error)) (T,
	error) {
	var row, none T
	gone := &noObject{what, id, unix.EINVAL}
	if id < 0 {
		return none, gone
	}
	if root.Live() {
		if err := stat(id, &row); err == nil {
			if row.id() != id {
				return none, gone
			}
			return row, nil
		}
		// An unused index answers EINVAL, but an unknown command as well. The list decides.
	}
	rows, err := list()
	if err != nil {
		return none, err
	}
	for _, row := range rows {
		if row.id() == id {
			return row, nil
		}
	}
	return none, gone
}
