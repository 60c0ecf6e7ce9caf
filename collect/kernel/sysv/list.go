package sysv

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/scan"
	"github.com/ipctop/ipctop/collect/kernel/sys"
)

const (
	procMsg = "/proc/sysvipc/msg"
	procSem = "/proc/sysvipc/sem"
	procShm = "/proc/sysvipc/shm"
)

// MsgQueues lists every message queue of the IPC namespace in the order of its index, like /proc and ipcs. With
// wantQBytes each live queue has its QBytes. Without it a queue has QBytes only if they cost no extra call.
func MsgQueues(root sys.Root, wantQBytes bool) ([]MsgQueue, error) {
	used := 0
	if root.Live() {
		var highest int
		var err error
		used, highest, err = msgHighest()
		if queues, ok := statAll(used, highest, err, statMsg); ok {
			return queues, nil
		}
	}
	queues, err := readTable(root, procMsg, used, msgRow)
	if err != nil && root.Live() && len(queues) == 0 {
		queues, err = statEach(msgHighest, statMsg, err)
	}
	if err != nil || !wantQBytes || !root.Live() {
		return queues, err
	}
	return withQBytes(queues), nil
}

// withQBytes reads the qbytes of each queue, which /proc does not show. It drops queues that vanish meanwhile. On a
// kernel without MSG_STAT_ANY, IPC_STAT still answers for readable queues; the other queues get no QBytes.
func withQBytes(queues []MsgQueue) []MsgQueue {
	kept := queues[:0]
	for _, q := range queues {
		var now MsgQueue
		switch err := statMsg(q.ID, &now); {
		case err == nil && now.ID == q.ID:
			q = now
		case err == nil:
			continue
		default:
			var ds msqidDS
			if _, err := msgctl(q.ID, ipcStat, unsafe.Pointer(&ds)); err == nil {
				q.QBytes, q.HasQBytes = ds.qbytes, true
			} else if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EIDRM) {
				continue
			}
		}
		kept = append(kept, q)
	}
	return kept
}

// SemSets lists every semaphore set of the IPC namespace in the order of its index.
func SemSets(root sys.Root) ([]SemSet, error) {
	used := 0
	if root.Live() {
		var highest int
		var err error
		used, highest, err = semHighest()
		if sets, ok := statAll(used, highest, err, statSem); ok {
			return sets, nil
		}
	}
	sets, err := readTable(root, procSem, used, semRow)
	if err != nil && root.Live() && len(sets) == 0 {
		return statEach(semHighest, statSem, err)
	}
	return sets, err
}

// ShmSegments lists every shared memory segment of the IPC namespace in the order of its index. Only /proc has RSS
// and swap, at two and a half times the cost. Without wantRSS the result leaves them out.
func ShmSegments(root sys.Root, wantRSS bool) ([]ShmSegment, error) {
	if root.Live() && !wantRSS {
		used, highest, err := shmHighest()
		if segments, ok := statAll(used, highest, err, statShm); ok {
			return segments, nil
		}
	}
	segments, err := readTable(root, procShm, 0, shmRow)
	if err != nil && root.Live() && len(segments) == 0 {
		return statEach(shmHighest, statShm, err)
	}
	return segments, err
}

// msgHighest, semHighest and shmHighest give the number of objects and the highest index.
func msgHighest() (used, highest int, err error) {
	var info msginfo
	highest, err = msgctl(0, msgInfo, unsafe.Pointer(&info))
	return int(info.pool), highest, err
}

func semHighest() (used, highest int, err error) {
	var info seminfo
	highest, err = semctl(0, 0, semInfo, unsafe.Pointer(&info))
	return int(info.usz), highest, err
}

func shmHighest() (used, highest int, err error) {
	var use shmUse
	highest, err = shmctl(0, shmInfo, unsafe.Pointer(&use))
	return int(use.used), highest, err
}

// statEach lists objects by *_STAT_ANY where /proc has no list: it is mounted with subset=pid, or not at all.
// unlisted is the error of /proc, and of statEach if the calls fail too.
func statEach[T any](count func() (used, highest int, err error), stat func(int, *T) error, unlisted error) ([]T,
	error) {
	used, highest, err := count()
	if err != nil {
		return nil, unlisted
	}
	all, ok := statIndexes(used, highest, stat)
	if !ok {
		return nil, unlisted
	}
	return all, nil
}

// statAll lists objects by *_STAT_ANY. *_INFO gave used, the number of objects, and highest, the highest index. ok is
// false where /proc is cheaper, or where the calls fail: on an old kernel, under a security filter.
func statAll[T any](used, highest int, err error, stat func(index int, into *T) error) (all []T, ok bool) {
	switch {
	case err != nil:
		return nil, false
	case used == 0:
		return nil, true
	case !dense(used, highest):
		return nil, false
	}
	all, ok = statIndexes(used, highest, stat)
	return all, ok && len(all) > 0
}

// statIndexes reads the object at each index. ok is false if a call failed.
func statIndexes[T any](used, highest int, stat func(index int, into *T) error) (all []T, ok bool) {
	all = make([]T, 0, used)
	var row T
	for i := 0; i <= highest && len(all) < used; i++ {
		switch err := stat(i, &row); err {
		case nil:
			all = append(all, row)
		case unix.EINVAL, unix.EIDRM:
			// An unused index, or an object that is being removed.
		default:
			return nil, false
		}
	}
	return all, true
}

// dense is true if one call for each index costs less than reading /proc. An unused index costs half of a used one. A
// row of /proc costs twice as much. Opening the file costs up to twenty rows.
func dense(used, highest int) bool { return highest < 2*used+32 }

// readTable reads one of the files below /proc/sysvipc. about is the expected number of rows. After a malformed line
// it returns the rows above the line, and the error.
func readTable[T any](root sys.Root, path string, about int, row func(*scan.Numbers, *T)) ([]T, error) {
	file, err := root.Open(path)
	if err != nil {
		return nil, err // an *fs.PathError, which names the path
	}
	defer file.Close()
	t := table[T]{row: row, rows: make([]T, 0, about)}
	if err := t.read(file); err != nil {
		return t.rows, fmt.Errorf("read %s: %w", path, err)
	}
	return t.rows, nil
}
