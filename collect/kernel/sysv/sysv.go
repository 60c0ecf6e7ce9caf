package sysv

import (
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"
)

// Status bits in a segment's mode, above the permissions (include/linux/shm.h).
const (
	ModeDest   = 0o1000 // SHM_DEST: removed, destroyed on the last detach
	ModeLocked = 0o2000 // SHM_LOCKED: never swapped out
)

// IPCPerm is the common part of the three kinds: struct ipc64_perm and the object's id.
type IPCPerm struct {
	// Key is the key_t of msgget, semget and shmget. The kernel holds a signed number; people write it in hexadecimal.
	// 0 is IPC_PRIVATE. A removed segment that is still attached has key 0 as well.
	Key uint32
	// ID is the msqid, semid or shmid: index + sequence number × size of the index space. When the sequence number
	// wraps, the kernel uses ids again.
	ID int

	UID, GID   uint32 // owner, changed by IPC_SET
	CUID, CGID uint32 // creator, never changed
	Mode       uint32 // permission bits, for a segment also ModeDest and ModeLocked
}

// Perms are the permission bits alone, at most 0777.
func (p IPCPerm) Perms() uint32 { return p.Mode & 0o777 }

// Dest is true if a segment was removed (IPC_RMID) and lives only until its last detach.
func (p IPCPerm) Dest() bool { return p.Mode&ModeDest != 0 }

// Locked is true if a segment is locked in memory (SHM_LOCK).
func (p IPCPerm) Locked() bool { return p.Mode&ModeLocked != 0 }

// MsgQueue is a System V message queue (struct msqid64_ds, man 2 msgctl).
type MsgQueue struct {
	IPCPerm
	CBytes    uint64 // bytes in the queue, without headers
	QNum      uint64 // messages in the queue
	QBytes    uint64 // capacity in bytes; senders block beyond it. Valid if HasQBytes
	HasQBytes bool   // /proc/sysvipc/msg does not show qbytes
	LSPid     int32  // the process that sent last
	LRPid     int32  // the process that received last
	STime     int64  // last msgsnd
	RTime     int64  // last msgrcv
	CTime     int64  // creation or last IPC_SET
}

// SemSet is a System V semaphore set (struct semid64_ds, man 2 semctl).
type SemSet struct {
	IPCPerm
	NSems uint64 // semaphores in the set
	OTime int64  // last semop that changed a value or waited for zero
	CTime int64  // creation, last IPC_SET, SETVAL or SETALL
}

// ShmSegment is a System V shared memory segment (struct shmid64_ds, man 2 shmctl).
type ShmSegment struct {
	IPCPerm
	Size   uint64 // bytes that shmget asked for; the kernel allocates whole pages
	CPid   int32  // creator
	LPid   int32  // the process that attached or detached last
	NAttch uint64 // mappings of the segment in all processes; split and forked mappings count again
	ATime  int64  // last shmat
	DTime  int64  // last shmdt, or unmapping by munmap or exit
	CTime  int64  // creation or last IPC_SET; IPC_RMID and SHM_LOCK do not change it

	RSS    uint64 // bytes in memory, valid if HasRSS
	Swap   uint64 // bytes in swap, valid if HasRSS
	HasRSS bool   // only /proc/sysvipc/shm shows them, since Linux 2.6.36
}

// noObject is the error for an id without an object. errors.Is holds for fs.ErrNotExist and for the errno (EINVAL,
// EIDRM).
type noObject struct {
	what  string
	id    int
	errno unix.Errno
}

func (e *noObject) Error() string   { return fmt.Sprintf("no %s has id %d", e.what, e.id) }
func (e *noObject) Unwrap() []error { return []error{fs.ErrNotExist, e.errno} }

// The names of the three kinds in error messages.
const (
	msgWord = "message queue"
	semWord = "semaphore set"
	shmWord = "shared memory segment"
)

// objectError turns the errno of a call on one existing id into an error. It fits calls whose EINVAL can only mean an
// unknown id.
func objectError(call, what string, id int, err error) error {
	var errno unix.Errno
	switch {
	case err == nil:
		return nil
	case errors.As(err, &errno) && (errno == unix.EINVAL || errno == unix.EIDRM):
		return &noObject{what, id, errno}
	}
	return fmt.Errorf("%s %s %d: %w", call, what, id, err)
}
