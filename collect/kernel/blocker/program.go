package blocker

import (
	"github.com/cilium/ebpf/asm"

	"github.com/ipctop/ipctop/collect/kernel/bpf"
)

// States of a task (include/linux/sched.h).
const (
	uninterruptible = 0x2   // TASK_UNINTERRUPTIBLE
	wakeKill        = 0x100 // TASK_WAKEKILL: a signal that kills ends the sleep
	noLoad          = 0x400 // TASK_NOLOAD: an idle thread of the kernel
)

// The low bits of task_struct.blocker tell the sort of lock (include/linux/hung_task.h).
const (
	blockerMutex = iota
	blockerSemaphore
	blockerReader
	blockerWriter
	blockerMask = 3
)

// Low bits of the owner that are no part of its address.
const (
	mutexFlags  = 7 // MUTEX_FLAGS, kernel/locking/mutex.h
	rwsemFlags  = 3 // RWSEM_OWNER_FLAGS_MASK, kernel/locking/rwsem.c
	readerOwned = 1 // RWSEM_READER_OWNED
)

// The program's memory. R6 points to it.
const (
	memSeq    = 0 // seq_file to write to
	memTmp    = 8
	memSpace  = 16 // the reader's pid namespace: the owner of a lock may be outside
	memRecord = 24 // record
	memLock   = memRecord
	memOwner  = memRecord + 8
	memTID    = memRecord + 16
	memState  = memRecord + 20
	memOwnPID = memRecord + 24
	memOwnTID = memRecord + 28
	memComm   = memRecord + 32
	memEnd    = memComm + 16
	memSize   = memEnd
)

// assemble assembles the program for the running kernel:
//
//	for each task of the pid namespace, by the kernel:
//		leave out a task that is not in state D
//		read task->blocker, and the owner of this lock
//		write a record with the numbers of the task and of the owner
//
// The reader's own task also gets a record, which proves that the program ran.
func assemble(types *bpf.Layout) asm.Instructions {
	n := types.Numbers()
	state, blocker := types.Offset("task_struct", "__state"), types.Offset("task_struct", "blocker")
	comm := types.Offset("task_struct", "comm")
	owners := map[string]int32{
		"mutex":     types.Offset("mutex", "owner"),
		"semaphore": types.Offset("semaphore", "last_holder"),
		"rwsem":     types.Offset("rw_semaphore", "owner"),
	}
	c := &bpf.Code{Seq: memSeq, Tmp: memTmp, Space: memSpace}
	c.TaskEntry("blocker_task", memSize)
	c.Read(memState, 4, asm.R7, state)
	c.Add(asm.FnGetCurrentTask.Call(), asm.Mov.Reg(asm.R8, asm.R0))
	c.Add(
		asm.JEq.Reg(asm.R7, asm.R8, "wanted"),
		asm.LoadMem(asm.R1, asm.R6, memState, asm.Word),
		asm.And.Imm(asm.R1, uninterruptible|noLoad),
		asm.JNE.Imm(asm.R1, uninterruptible, "out"),
	)
	c.Label("wanted")
	c.ReaderLevel(n, "out")
	c.Number(n, memTID, asm.R7, asm.R8)
	c.Read(memLock, 8, asm.R7, blocker)
	c.Add(
		asm.LoadMem(asm.R8, asm.R6, memLock, asm.DWord),
		asm.JEq.Imm(asm.R8, 0, "write"),
		asm.Mov.Reg(asm.R7, asm.R8),
		asm.And.Imm(asm.R7, blockerMask),
		asm.And.Imm(asm.R8, ^blockerMask),
		asm.JEq.Imm(asm.R7, blockerMutex, "mutex"),
		asm.JEq.Imm(asm.R7, blockerSemaphore, "semaphore"),
	)
	owner := func(label, lock string, flags int32) {
		c.Label(label)
		c.Follow(asm.R8, asm.R8, owners[lock])
		c.Add(asm.StoreMem(asm.R6, memOwner, asm.R8, asm.DWord), asm.And.Imm(asm.R8, ^flags), asm.Ja.Label("owner"))
	}
	owner("rwsem", "rwsem", rwsemFlags)
	owner("mutex", "mutex", mutexFlags)
	owner("semaphore", "semaphore", 0)
	c.Label("owner")
	c.Add(asm.JEq.Imm(asm.R8, 0, "write"))
	c.Number(n, memOwnTID, asm.R8, asm.R7)
	c.Follow(asm.R7, asm.R8, n.Leader)
	c.Read(memComm, 16, asm.R7, comm)
	c.Number(n, memOwnPID, asm.R7, asm.R8)
	c.Label("write")
	c.Write(memRecord, memSize-memRecord)
	c.Label("out")
	c.Continue()
	return c.Instructions
}
