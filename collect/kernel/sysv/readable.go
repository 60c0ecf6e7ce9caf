package sysv

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Readable says whether we have read permission on an object: what IPC_STAT and the *_STAT commands need and the
// *_STAT_ANY commands do not. An object that has gone is not readable.

// MsgReadable says so of a queue.
func MsgReadable(id int) bool {
	var ds msqidDS
	_, err := msgctl(id, ipcStat, unsafe.Pointer(&ds))
	return readable(err)
}

// SemReadable says so of a semaphore set.
func SemReadable(id int) bool {
	var ds semidDS
	_, err := semctl(id, 0, ipcStat, unsafe.Pointer(&ds))
	return readable(err)
}

// ShmReadable says so of a segment.
func ShmReadable(id int) bool {
	var ds shmidDS
	_, err := shmctl(id, ipcStat, unsafe.Pointer(&ds))
	return readable(err)
}

// readable takes an overflow as an answer: it comes after the permission was looked at.
func readable(err error) bool { return err == nil || errors.Is(err, unix.EOVERFLOW) }
