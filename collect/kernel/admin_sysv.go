package kernel

import (
	"time"

	"github.com/ipctop/ipctop/collect/kernel/sysv"
)

// MsgRemove destroys a queue and its messages at once.
func (a *Admin) MsgRemove(id int) error { return sysv.MsgRemove(id) }

// MsgGet finds or makes a queue and returns its id.
func (a *Admin) MsgGet(key uint32, flags int) (int, error) { return sysv.MsgGet(key, flags) }

// MsgSend puts a message into a queue.
func (a *Admin) MsgSend(id int, mtype int64, data []byte, flags int) error {
	return sysv.MsgSend(id, mtype, data, flags)
}

// MsgReceive takes the first message of a type out of a queue.
func (a *Admin) MsgReceive(id int, mtype int64, size, flags int) (data []byte, gotType int64, err error) {
	return sysv.MsgReceive(id, mtype, size, flags)
}

// MsgSetQBytes sets a queue's capacity in bytes.
func (a *Admin) MsgSetQBytes(id int, qbytes uint64) error { return sysv.MsgSetQBytes(id, qbytes) }

// SemRemove destroys a semaphore set at once, even while tasks use it.
func (a *Admin) SemRemove(id int) error { return sysv.SemRemove(id) }

// SemGet finds or makes a set of nsems semaphores and returns its id. New semaphores are zero.
func (a *Admin) SemGet(key uint32, nsems, flags int) (int, error) {
	return sysv.SemGet(key, nsems, flags)
}

// SemOp does all operations in one step, or waits until it can. After timeout the error is EAGAIN. A timeout below 0
// never ends.
func (a *Admin) SemOp(id int, ops []sysv.SemOp, timeout time.Duration) error {
	return sysv.Operate(id, ops, timeout)
}

// SemSetValue sets one semaphore (SETVAL). The kernel forgets the SEM_UNDO adjustments of this semaphore.
func (a *Admin) SemSetValue(id, num int, value uint16) error { return sysv.SemSetValue(id, num, value) }

// SemSetValues sets all semaphores of a set (SETALL). values has one number for each semaphore.
func (a *Admin) SemSetValues(id int, values []uint16) error { return sysv.SemSetValues(id, values) }

// ShmRemove marks a segment for destruction (man 2 shmctl, IPC_RMID).
func (a *Admin) ShmRemove(id int) error { return sysv.ShmRemove(id) }

// ShmGet finds or makes a segment of at least size bytes.
func (a *Admin) ShmGet(key uint32, size uint64, flags int) (int, error) {
	return sysv.ShmGet(key, size, flags)
}

// ShmAttach maps a segment (man 2 shmat) and returns its bytes. ShmDetach takes them.
func (a *Admin) ShmAttach(id int, readonly bool) ([]byte, error) { return sysv.ShmAttach(id, readonly) }

// ShmDetach unmaps the bytes that ShmAttach returned. The caller must not touch data afterwards.
func (a *Admin) ShmDetach(data []byte) error { return sysv.ShmDetach(data) }

// ShmLock keeps a segment out of swap (SHM_LOCK). The segment's mode then has ModeLocked.
func (a *Admin) ShmLock(id int) error { return sysv.ShmLock(id) }

// ShmUnlock lets a segment be swapped out again (SHM_UNLOCK).
func (a *Admin) ShmUnlock(id int) error { return sysv.ShmUnlock(id) }

// MsgSet changes owner, group, permissions and qbytes of a queue (IPC_SET).
func (a *Admin) MsgSet(q sysv.MsgQueue) error { return sysv.MsgSet(q) }

// SemSetPerm changes owner, group and permissions of a set (IPC_SET).
func (a *Admin) SemSetPerm(p sysv.IPCPerm) error { return sysv.SemSetPerm(p) }

// ShmSetPerm changes owner, group and permissions of a segment (IPC_SET).
func (a *Admin) ShmSetPerm(p sysv.IPCPerm) error { return sysv.ShmSetPerm(p) }

// SetNextID wishes the id of the next object of a kind: "msg", "sem" or "shm" (kernel.msg_next_id). The next creation
// takes it, whoever creates.
func (a *Admin) SetNextID(kind string, id int) error { return sysv.SetNextID(kind, id) }
