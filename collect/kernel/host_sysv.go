package kernel

import "github.com/ipctop/ipctop/collect/kernel/sysv"

// PeekMessages copies up to count messages of a queue, from the index first. It takes no message out. most is the
// longest copy of one message, in bytes.
func (h *Host) PeekMessages(id, first, count, most int) ([]sysv.PeekedMessage, error) {
	return sysv.PeekMessages(h.Root, id, first, count, most)
}

// MsgInfo reads the limits and the use of message queues.
func (h *Host) MsgInfo() (sysv.MsgInfo, error) { return sysv.ReadMsgInfo(h.Root) }

// SemInfo reads the limits and the use of semaphore sets.
func (h *Host) SemInfo() (sysv.SemInfo, error) { return sysv.ReadSemInfo(h.Root) }

// ShmInfo reads the limits and the use of shared memory segments.
func (h *Host) ShmInfo() (sysv.ShmInfo, error) { return sysv.ReadShmInfo(h.Root) }

// IPCObjects counts the System V objects of the IPC namespace.
func (h *Host) IPCObjects() (uint64, error) { return sysv.IPCObjects(h.Root) }

// MsgQueues lists every message queue of the IPC namespace in the order of its index, like /proc and ipcs.
func (h *Host) MsgQueues(wantQBytes bool) ([]sysv.MsgQueue, error) {
	return sysv.MsgQueues(h.Root, wantQBytes)
}

// SemSets lists every semaphore set of the IPC namespace in the order of its index.
func (h *Host) SemSets() ([]sysv.SemSet, error) { return sysv.SemSets(h.Root) }

// ShmSegments lists every shared memory segment of the IPC namespace in the order of its index.
func (h *Host) ShmSegments(wantRSS bool) ([]sysv.ShmSegment, error) {
	return sysv.ShmSegments(h.Root, wantRSS)
}

// MsgQBytes reads a queue's qbytes by IPC_STAT, which needs read permission.
func (h *Host) MsgQBytes(id int) (uint64, error) { return sysv.MsgQBytes(h.Root, id) }

// MsgReadable is true if the caller has read permission on a queue.
func (h *Host) MsgReadable(id int) bool { return sysv.MsgReadable(id) }

// SemReadable is true if the caller has read permission on a semaphore set.
func (h *Host) SemReadable(id int) bool { return sysv.SemReadable(id) }

// ShmReadable is true if the caller has read permission on a segment.
func (h *Host) ShmReadable(id int) bool { return sysv.ShmReadable(id) }

// SemValues reads every semaphore of a set with nsems semaphores.
func (h *Host) SemValues(id, nsems int) ([]sysv.SemValue, error) {
	return sysv.SemValues(h.Root, id, nsems)
}

// SemValuesIn is SemValues with a buffer that serves for many sets.
func (h *Host) SemValuesIn(b *sysv.SemBuffer, id, nsems int) ([]sysv.SemValue, error) {
	return b.Values(h.Root, id, nsems)
}

// SemWaiters adds up semncnt and semzcnt over a set.
func (h *Host) SemWaiters(id, nsems int) (ncount, zcount int, err error) {
	return sysv.SemWaiters(h.Root, id, nsems)
}

// MsgStat reads one queue again, with any owner.
func (h *Host) MsgStat(id int) (sysv.MsgQueue, error) { return sysv.MsgStat(h.Root, id) }

// SemStat reads one semaphore set again, with any owner.
func (h *Host) SemStat(id int) (sysv.SemSet, error) { return sysv.SemStat(h.Root, id) }

// ShmStat reads one segment again, with any owner, without RSS and swap.
func (h *Host) ShmStat(id int) (sysv.ShmSegment, error) { return sysv.ShmStat(h.Root, id) }

// NextID is the id that the next object of a kind ("msg", "sem", "shm") is to have; -1: nobody has a wish.
func (h *Host) NextID(kind string) (int, error) { return sysv.NextID(kind) }
