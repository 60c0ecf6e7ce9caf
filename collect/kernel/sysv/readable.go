package sysv

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Readable means that the caller has read permission on an object. IPC_STAT and the *_STAT commands need it; the
// *_STAT_ANY commands do not. An object that is gone is not readable.

// MsgReadable is true for a queue that the caller may read.
func MsgReadable(id int) bool {
	var ds msqidDS
	_, err := msgctl(id, ipcStat, unsafe.Pointer(&ds))
	return readable(err)
}

// SemReadable is true for a set that the caller may read.
func SemReadable(id int) bool {
	var ds semidDS
	_, err := semctl(id, 0, ipcStat, unsafe.Pointer(&ds))
	return readable(err)
}

// ShmReadable is true for a segment that the caller may read.
func ShmReadable(id int) bool {
	var ds shmidDS
	_, err := shmctl(id, ipcStat, unsafe.Pointer(&ds))
	return readable(err)
}

// readable takes EOVERFLOW as "yes": the kernel checks the permission before.
func readable(err error) bool { return err == nil || errors.Is(err, unix.EOVERFLOW) }
