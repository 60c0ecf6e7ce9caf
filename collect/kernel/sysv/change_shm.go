package sysv

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ShmRemove marks a segment for destruction (man 2 shmctl, IPC_RMID). The kernel destroys it at once if no process
// has it attached, else on the last detach. Until then its mode has ModeDest and its key is 0. fs.ErrNotExist: no
// segment has this id. fs.ErrPermission: the caller is neither owner nor creator, and lacks CAP_SYS_ADMIN.
func ShmRemove(id int) error {
	_, err := shmctl(id, ipcRmid, nil)
	return objectError("remove", shmWord, id, err)
}

// ShmGet finds or makes a segment of at least size bytes and returns its id. flags are permission bits with IPCCreat,
// IPCExcl and ShmHugeTLB (man 2 shmget).
func ShmGet(key uint32, size uint64, flags int) (int, error) {
	n, _, errno := unix.Syscall(unix.SYS_SHMGET, uintptr(int32(key)), uintptr(size), uintptr(flags))
	if errno != 0 {
		return 0, fmt.Errorf("shmget 0x%08x: %w", key, errno)
	}
	return int(n), nil
}

// ShmAttach maps a segment (man 2 shmat) and returns its bytes. ShmDetach takes them. A write to a readonly mapping
// is SIGSEGV.
func ShmAttach(id int, readonly bool) ([]byte, error) {
	flags := 0
	if readonly {
		flags = unix.SHM_RDONLY
	}
	data, err := unix.SysvShmAttach(id, 0, flags)
	if err != nil {
		return nil, objectError("attach", shmWord, id, err)
	}
	return data, nil
}

// ShmDetach unmaps the bytes that ShmAttach returned. The caller must not touch data afterwards.
func ShmDetach(data []byte) error {
	if err := unix.SysvShmDetach(data); err != nil {
		return fmt.Errorf("shmdt: %w", err)
	}
	return nil
}

// ShmLock keeps a segment out of swap (SHM_LOCK). The segment's mode then has ModeLocked. It needs CAP_IPC_LOCK; or
// the owner with room below RLIMIT_MEMLOCK.
func ShmLock(id int) error {
	_, err := shmctl(id, shmLock, nil)
	return objectError("lock", shmWord, id, err)
}

// ShmUnlock lets a segment be swapped out again (SHM_UNLOCK). It needs the same rights as ShmLock.
func ShmUnlock(id int) error {
	_, err := shmctl(id, shmUnlock, nil)
	return objectError("unlock", shmWord, id, err)
}

// ShmSetPerm changes owner, group and permissions of a segment (IPC_SET) to those of p. ctime changes.
func ShmSetPerm(p IPCPerm) error {
	var ds shmidDS
	ds.perm.set(p)
	_, err := shmctl(p.ID, ipcSet, unsafe.Pointer(&ds))
	return objectError("change", shmWord, p.ID, err)
}
