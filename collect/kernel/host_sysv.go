package kernel

import "github.com/ipctop/ipctop/collect/kernel/sysv"

// PeekMessages copies at most count messages of a queue, from the index first on, and takes none out.
func (h *Host) PeekMessages(id, first, count, most int) ([]sysv.PeekedMessage, error) {
	return sysv.PeekMessages(h.Root, id, first, count, most)
}

// MsgInfo gives the limits of message queues and what is in use.
func (h *Host) MsgInfo() (sysv.MsgInfo, error) { return sysv.ReadMsgInfo(h.Root) }

// SemInfo gives the limits of semaphore sets and what is in use.
func (h *Host) SemInfo() (sysv.SemInfo, error) { return sysv.ReadSemInfo(h.Root) }

// ShmInfo gives the limits of shared memory segments and what is in use.
func (h *Host) ShmInfo() (sysv.ShmInfo, error) { return sysv.ReadShmInfo(h.Root) }

// IPCObjects counts the System V objects of the IPC namespace.
func (h *Host) IPCObjects() (uint64, error) { return sysv.IPCObjects(h.Root) }

// MsgQueues lists every message queue of the IPC namespace in the order of its index, which is /proc's and ipcs's.
func (h *Host) MsgQueues(wantQBytes bool) ([]sysv.MsgQueue, error) {
	return sysv.MsgQueues(h.Root, wantQBytes)
}

// SemSets lists every semaphore set of the IPC namespace in the order of its index.
func (h *Host) SemSets() ([]sysv.SemSet, error) { return sysv.SemSets(h.Root) }

// ShmSegments lists every shared memory segment of the IPC namespace in the order of its index.
func (h *Host) ShmSegments(wantRSS bool) ([]sysv.ShmSegment, error) {
	return sysv.ShmSegments(h.Root, wantRSS)
}

// MsgQBytes asks for a queue's qbytes by IPC_STAT, which needs read permission on it.
func (h *Host) MsgQBytes(id int) (uint64, error) { return sysv.MsgQBytes(h.Root, id) }

// MsgReadable says whether we have read permission on a queue.
func (h *Host) MsgReadable(id int) bool { return sysv.MsgReadable(id) }

// SemReadable says so of a semaphore set.
func (h *Host) SemReadable(id int) bool { return sysv.SemReadable(id) }

// ShmReadable says so of a segment.
func (h *Host) ShmReadable(id int) bool { return sysv.ShmReadable(id) }

// SemValues reads every semaphore of a set with nsems semaphores.
func (h *Host) SemValues(id, nsems int) ([]sysv.SemValue, error) {
	return sysv.SemValues(h.Root, id, nsems)
}

// SemWaiters sums semncnt and semzcnt over a set.
func (h *Host) SemWaiters(id, nsems int) (ncount, zcount int, err error) {
	return sysv.SemWaiters(h.Root, id, nsems)
}

// MsgStat reads one queue again, whoever owns it.
func (h *Host) MsgStat(id int) (sysv.MsgQueue, error) { return sysv.MsgStat(h.Root, id) }

// SemStat reads one semaphore set again, whoever owns it.
func (h *Host) SemStat(id int) (sysv.SemSet, error) { return sysv.SemStat(h.Root, id) }

// ShmStat reads one segment again, without its RSS and swap, whoever owns it.
func (h *Host) ShmStat(id int) (sysv.ShmSegment, error) { return sysv.ShmStat(h.Root, id) }
