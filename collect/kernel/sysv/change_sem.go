package sysv

import (
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// SemRemove destroys a semaphore set at once, even while tasks use it. Blocked tasks get EIDRM (man 2 semctl).
// fs.ErrNotExist: no set has this id. fs.ErrPermission: the caller is neither owner nor creator, and lacks
// CAP_SYS_ADMIN.
func SemRemove(id int) error {
	_, err := semctl(id, 0, ipcRmid, nil)
	return objectError("remove", semWord, id, err)
}

// SemGet finds or makes a set of nsems semaphores and returns its id. New semaphores are zero. flags are permission
// bits with IPCCreat and IPCExcl (man 2 semget).
func SemGet(key uint32, nsems, flags int) (int, error) {
	n, _, errno := unix.Syscall(unix.SYS_SEMGET, uintptr(int32(key)), uintptr(nsems), uintptr(flags))
	if errno != 0 {
		return 0, fmt.Errorf("semget 0x%08x: %w", key, errno)
	}
	return int(n), nil
}

// SemOp is one operation on one semaphore: struct sembuf (man 2 semop). Op above 0 adds. Op below 0 waits until it
// can subtract. Op 0 waits for zero.
type SemOp struct {
	Num   uint16
	Op    int16
	Flags int16 // IPCNoWait, SemUndo
}

// Operate does all operations in one step, or waits until it can. After timeout the error is EAGAIN. A timeout below
// 0 never ends.
func Operate(id int, ops []SemOp, timeout time.Duration) error {
	if len(ops) == 0 {
		return fmt.Errorf("semop %d: no operation: %w", id, unix.EINVAL)
	}
	end := time.Now().Add(timeout)
	err := sys.RetryEINTR(func() error {
		var ts *unix.Timespec
		if timeout >= 0 {
			left := unix.NsecToTimespec(max(int64(time.Until(end)), 0))
			ts = &left
		}
		// semtimedop with no timespec is semop; glibc's semop does the same.
		_, _, errno := unix.Syscall6(unix.SYS_SEMTIMEDOP, uintptr(id), uintptr(unsafe.Pointer(&ops[0])),
			uintptr(len(ops)), uintptr(unsafe.Pointer(ts)), 0, 0)
		return sys.ErrnoError(errno)
	})
	if err != nil {
		return fmt.Errorf("semop %d: %w", id, err)
	}
	return nil
}

// SemSetValue sets one semaphore (SETVAL). The kernel forgets the SEM_UNDO adjustments of this semaphore.
func SemSetValue(id, num int, value uint16) error {
	_, _, errno := unix.Syscall6(unix.SYS_SEMCTL, uintptr(id), uintptr(num), semSetVal, uintptr(value), 0, 0)
	if errno != 0 {
		return fmt.Errorf("set semaphore %d of set %d: %w", num, id, errno)
	}
	return nil
}

// SemSetValues sets all semaphores of a set (SETALL). values has one number for each semaphore.
func SemSetValues(id int, values []uint16) error {
	var ds semidDS
	if _, err := semctl(id, 0, ipcStat, unsafe.Pointer(&ds)); err != nil {
		return objectError("read", semWord, id, err)
	}
	if uint64(len(values)) != ds.nsems {
		return fmt.Errorf("set %d has %d semaphores, not %d: %w", id, ds.nsems, len(values), unix.EINVAL)
	}
	_, err := semctl(id, 0, semSetAll, unsafe.Pointer(&values[0]))
	return objectError("set the values of", semWord, id, err)
}

// SemSetPerm changes owner, group and permissions of a set (IPC_SET) to those of p. ctime changes.
func SemSetPerm(p IPCPerm) error {
	var ds semidDS
	ds.perm.set(p)
	_, err := semctl(p.ID, 0, ipcSet, unsafe.Pointer(&ds))
	return objectError("change", semWord, p.ID, err)
}

// BlockedOp is the first operation that cannot be done now (perform_atomic_semop, ipc/sem.c). ok is false if all can.
func BlockedOp(ops []SemOp, values []SemValue) (blocked SemOp, ok bool) {
	level := map[uint16]int{}
	for _, op := range ops {
		if int(op.Num) >= len(values) {
			return op, false
		}
		now, changed := level[op.Num]
		if !changed {
			now = int(values[op.Num].Value)
		}
		if op.Op == 0 && now != 0 || op.Op < 0 && now+int(op.Op) < 0 {
			return op, true
		}
		level[op.Num] = now + int(op.Op)
	}
	return SemOp{}, false
}
