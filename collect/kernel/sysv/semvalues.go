package sysv

import (
	"fmt"
	"unsafe"

	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// SemValue is one semaphore of a set (man 2 semctl: GETALL, GETNCNT, GETZCNT, GETPID).
type SemValue struct {
	Num    int    // the semaphore's number in the set
	Value  uint16 // semval, at most 32767
	NCount int    // semncnt: tasks that wait for the value to rise
	ZCount int    // semzcnt: tasks that wait for zero
	Pid    int32  // sempid: the process that changed it last; 0: none, or outside this PID namespace
}

// semBuffer is the number of values that GETALL has room for. GETALL writes as many values as the set has. A new set
// under a reused id may be larger than the listed set. SEMMSL is 32,000 unless somebody raised it.
const semBuffer = 1 << 16

// SemBuffer has room for the values of any set. One buffer serves any number of sets, one after the other: its 128 KiB
// then are allocated and cleared once.
type SemBuffer struct{ raw []uint16 }

// SemValues is SemBuffer.Values for a single set.
func SemValues(root sys.Root, id, nsems int) ([]SemValue, error) {
	return new(SemBuffer).Values(root, id, nsems)
}

// Values reads every semaphore of a set with nsems semaphores. All values come from one moment. The counts and
// pids come from later moments. It needs read permission on the set: else fs.ErrPermission.
//
// The counts have each task only at the operation that blocks it. The first GETNCNT or GETZCNT after boot writes one
// line to the kernel's log: "semctl(GETNCNT/GETZCNT) is since 3.16 Single Unix Specification compliant".
func (b *SemBuffer) Values(root sys.Root, id, nsems int) ([]SemValue, error) {
	if !root.Live() {
		return nil, fmt.Errorf("semctl GETALL: %w", sys.ErrNotLive)
	}
	if n := max(nsems, semBuffer); len(b.raw) < n {
		b.raw = make([]uint16, n)
	}
	if _, err := semctl(id, 0, semGetAll, unsafe.Pointer(&b.raw[0])); err != nil {
		return nil, objectError("semctl GETALL:", semWord, id, err)
	}
	values := make([]SemValue, nsems)
	for i := range values {
		v := &values[i]
		v.Num, v.Value = i, b.raw[i]
		pid, err := semctl(id, i, semGetPid, nil)
		if err == nil {
			v.NCount, err = semctl(id, i, semGetNcnt, nil)
		}
		if err == nil {
			v.ZCount, err = semctl(id, i, semGetZcnt, nil)
		}
		if err != nil {
			return nil, objectError("semctl GETPID, GETNCNT, GETZCNT:", semWord, id, err)
		}
		v.Pid = int32(pid)
	}
	return values, nil
}

// SemWaiters adds up semncnt and semzcnt over a set: the number of blocked tasks. Rights and errors are those of
// SemBuffer.Values.
func SemWaiters(root sys.Root, id, nsems int) (ncount, zcount int, err error) {
	if !root.Live() {
		return 0, 0, fmt.Errorf("semctl GETNCNT: %w", sys.ErrNotLive)
	}
	for i := range nsems {
		n, err := semctl(id, i, semGetNcnt, nil)
		if err != nil {
			return 0, 0, objectError("semctl GETNCNT:", semWord, id, err)
		}
		z, err := semctl(id, i, semGetZcnt, nil)
		if err != nil {
			return 0, 0, objectError("semctl GETZCNT:", semWord, id, err)
		}
		ncount, zcount = ncount+n, zcount+z
	}
	return ncount, zcount, nil
}
