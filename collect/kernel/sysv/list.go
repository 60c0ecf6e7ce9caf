package sysv

import (
	"errors"
	"fmt"
	"os"
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

// MsgQueues lists every message queue of the IPC namespace in the order of its index, which is /proc's and ipcs's.
// With wantQBytes each live queue has its QBytes; without, only where they come for nothing.
func MsgQueues(root sys.Root, wantQBytes bool) ([]MsgQueue, error) {
	var info msginfo
	if root.Live() {
		highest, err := msgctl(0, msgInfo, unsafe.Pointer(&info))
		if queues, ok := statAll(int(info.pool), highest, err, statMsg); ok {
			return queues, nil
		}
	}
	queues, err := readTable(root, procMsg, int(info.pool), msgRow)
	if err != nil || !wantQBytes || !root.Live() {
		return queues, err
	}
	return withQBytes(queues), nil
}

// withQBytes asks for each queue what /proc does not show. Queues that have gone meanwhile are dropped; where the
// kernel has no MSG_STAT_ANY, readable ones still answer IPC_STAT and the others stay without.
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
	var info seminfo
	if root.Live() {
		highest, err := semctl(0, 0, semInfo, unsafe.Pointer(&info))
		if sets, ok := statAll(int(info.usz), highest, err, statSem); ok {
			return sets, nil
		}
	}
	return readTable(root, procSem, int(info.usz), semRow)
}

// ShmSegments lists every shared memory segment of the IPC namespace in the order of its index.
// RSS and swap are in /proc only, at two and a half times the price: without wantRSS they are left out.
func ShmSegments(root sys.Root, wantRSS bool) ([]ShmSegment, error) {
	if root.Live() && !wantRSS {
		var use shmUse
		highest, err := shmctl(0, shmInfo, unsafe.Pointer(&use))
		if segments, ok := statAll(int(use.used), highest, err, statShm); ok {
			return segments, nil
		}
	}
	return readTable(root, procShm, 0, shmRow)
}

// statAll lists by *_STAT_ANY, where *_INFO said how many objects there are and the highest index. It leaves the job to
// /proc (ok false) where that is cheaper, and where the calls are not to be had: an old kernel, a security filter.
func statAll[T any](used, highest int, err error, stat func(index int, into *T) error) (all []T, ok bool) {
	switch {
	case err != nil:
		return nil, false
	case used == 0:
		return nil, true
	case !dense(used, highest):
		return nil, false
	}
	all = make([]T, 0, used)
	var row T
	for i := 0; i <= highest && len(all) < used; i++ {
		switch err := stat(i, &row); err {
		case nil:
			all = append(all, row)
		case unix.EINVAL, unix.EIDRM:
			// An unused index, or one being removed.
		default:
			return nil, false
		}
	}
	return all, len(all) > 0
}

// dense says whether asking index by index beats reading /proc. An unused index costs half of a used one, a row of
// /proc twice as much, opening the file as much as twenty rows.
func dense(used, highest int) bool { return highest < 2*used+32 }

// readTable reads one of the files below /proc/sysvipc, of about so many rows. After a malformed line it returns the
// rows above it with the error.
func readTable[T any](root sys.Root, path string, about int, row func(*scan.Numbers, *T)) ([]T, error) {
	file, err := os.Open(root.Path(path))
	if err != nil {
		return nil, err // an *fs.PathError: it names the path
	}
	defer file.Close()
	t := table[T]{row: row, rows: make([]T, 0, about)}
	if err := t.read(file); err != nil {
		return t.rows, fmt.Errorf("read %s: %w", path, err)
	}
	return t.rows, nil
}
