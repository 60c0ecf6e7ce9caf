package undo

import (
	"github.com/cilium/ebpf/asm"

	"github.com/ipctop/ipctop/collect/kernel/bpf"
)

// The program. assemble writes it for the structures of the running kernel (layout):
//
//	for each task of the pid namespace, by the kernel:              undo_task
//		take the list of the task's leader, not the task's own: next
//		write the header
//		for each sem_undo of task->sysvsem.undo_list->list_proc:    undo_set
//			find its set in the IPC namespace: the number of semaphores
//			for each four numbers of sem_undo.semadj:               undo_adj
//				write each number that is not 0
//		write the end
//
// The kernel calls it within rcu_read_lock, so no sem_undo is freed meanwhile (ipc/sem.c: kvfree_rcu). The loops use
// bpf_loop (Linux 5.17): the verifier reads only their body.

// Limits for one task. The iterator's buffer holds 32 KiB of a task (kernel/bpf/bpf_iter.c: PAGE_SIZE << 3). An
// adjustment takes 8 bytes.
const (
	undoMaxSets    = 32768   // sets: the usual SEMMNI is 32000
	undoMaxWritten = 3500    // adjustments
	undoMaxFours   = 1 << 18 // reads of four semaphores: 5 milliseconds
	undoMaxInSet   = 1 << 16 // semaphores: semop has 16 bits for the number
)

// The program's memory is the stack of undo_task. The bodies of the loops get a pointer to it. R6 points to it in all
// functions. The offset of a counter is no multiple of 8: so the verifier does not follow each value by itself.
const (
	memSeq     = 0  // seq_file to write to
	memPos     = 8  // position in the list: a list_head
	memHead    = 16 // the list's end
	memRoot    = 24 // address of the root of the tree of semaphore sets
	memAdj     = 32 // address of semadj
	memTmp     = 40
	memEntry   = 48 // undoEntry: semid, num, adj
	memNum     = memEntry + 4
	memEntAdj  = memEntry + 6
	memNSems   = 60
	memWritten = 68
	memFours   = 76
	memMore    = 84 // 1: the output lacks a part
	memHeader  = 88 // undoHeader
	hdrList    = memHeader
	hdrStart   = memHeader + 8
	hdrIPCNS   = memHeader + 16
	hdrPID     = memHeader + 20
	hdrTID     = memHeader + 24
	hdrComm    = memHeader + 32
	hdrSize    = 48
	memSize    = memHeader + hdrSize
)

const undoEntrySize = 8

// code is the program, with the structures of one kernel.
type code struct {
	layout
	*bpf.Code
}

// noteMore notes that the output lacks a part.
func (c *code) noteMore() {
	c.Add(asm.Mov.Imm(asm.R1, 1), asm.StoreMem(asm.R6, memMore, asm.R1, asm.Word))
}

// assemble assembles the program for the running kernel.
func assemble(types *bpf.Layout) asm.Instructions {
	c := &code{readLayout(types), &bpf.Code{Seq: memSeq, Tmp: memTmp}}
	c.task()
	c.set()
	c.adjustments()
	return c.Instructions
}

// task is the program's entry: R1 is the iterator's context {meta, task}, meta begins with {seq_file}.
func (c *code) task() {
	c.TaskEntry("undo_task", memSize)
	c.Add(asm.FnGetCurrentTask.Call(), asm.Mov.Reg(asm.R8, asm.R0))
	c.Read(hdrList, 8, asm.R7, c.taskUndoList)
	c.Add(
		asm.JEq.Reg(asm.R7, asm.R8, "wanted"), // our own task, always
		asm.LoadMem(asm.R9, asm.R6, hdrList, asm.DWord),
		asm.JEq.Imm(asm.R9, 0, "out"),
	)
	c.Follow(asm.R9, asm.R7, c.numbers.Leader)
	c.Add(asm.JEq.Reg(asm.R7, asm.R9, "wanted"))
	c.Follow(asm.R9, asm.R9, c.taskUndoList)
	c.Add(
		asm.LoadMem(asm.R2, asm.R6, hdrList, asm.DWord),
		asm.JEq.Reg(asm.R9, asm.R2, "out"), // a thread with the list of its leader
	)
	c.Label("wanted")
	c.header()
	c.walk()
	c.Label("out")
	c.Continue()
}

// header writes the identity of the task in R7. R8 is the reader's own task. It gives the level of our pid namespace,
// in which the reader opened the iterator.
func (c *code) header() {
	c.ReaderLevel(c.numbers, "out")
	c.Number(c.numbers, hdrTID, asm.R7, asm.R8)
	c.Follow(asm.R8, asm.R7, c.numbers.Leader)
	c.Read(hdrStart, 8, asm.R8, c.taskStart)
	c.Read(hdrComm, 16, asm.R8, c.taskComm)
	c.Number(c.numbers, hdrPID, asm.R8, asm.R8)
	c.Follow(asm.R8, asm.R7, c.taskNSProxy)
	c.Follow(asm.R8, asm.R8, c.nsproxyIPC)
	c.Read(hdrIPCNS, 4, asm.R8, c.ipcInode)
	c.Add(
		asm.Add.Imm(asm.R8, c.ipcSemRoot),
		asm.StoreMem(asm.R6, memRoot, asm.R8, asm.DWord),
	)
	c.Write(memHeader, hdrSize)
}

// walk walks the task's list and writes the end.
func (c *code) walk() {
	c.Add(
		asm.LoadMem(asm.R8, asm.R6, hdrList, asm.DWord),
		asm.JEq.Imm(asm.R8, 0, "end"),
	)
	c.Read(memPos, 8, asm.R8, c.listProc)
	c.Add(
		asm.Add.Imm(asm.R8, c.listProc),
		asm.StoreMem(asm.R6, memHead, asm.R8, asm.DWord),
		asm.Mov.Imm(asm.R1, undoMaxSets),
	)
	c.Loop("undo_set")
	c.Add(
		asm.LoadMem(asm.R1, asm.R6, memPos, asm.DWord),
		asm.LoadMem(asm.R2, asm.R6, memHead, asm.DWord),
		asm.JEq.Reg(asm.R1, asm.R2, "end"),
	)
	c.noteMore()
	c.Label("end")
	c.Add(
		asm.Mov.Imm(asm.R1, -1), asm.StoreMem(asm.R6, memEntry, asm.R1, asm.Word),
		asm.LoadMem(asm.R1, asm.R6, memMore, asm.Word), asm.StoreMem(asm.R6, memNum, asm.R1, asm.Half),
	)
	c.Write(memEntry, undoEntrySize)
}

// set is the body of the loop over a task's sem_undos. A sem_undo of a removed set has semid −1 (freeary in
// ipc/sem.c).
func (c *code) set() {
	c.Body("undo_set")
	c.Add(
		asm.Mov.Reg(asm.R6, asm.R2),
		asm.LoadMem(asm.R7, asm.R6, memPos, asm.DWord),
		asm.LoadMem(asm.R8, asm.R6, memHead, asm.DWord),
		asm.JEq.Reg(asm.R7, asm.R8, "set_stop"),
		asm.Sub.Imm(asm.R7, c.undoProc),
	)
	c.Follow(asm.R8, asm.R7, c.undoList)
	c.Add(
		asm.LoadMem(asm.R9, asm.R6, hdrList, asm.DWord),
		asm.JNE.Reg(asm.R8, asm.R9, "set_more"), // no sem_undo of this list: the kernel freed it meanwhile
	)
	c.Read(memPos, 8, asm.R7, c.undoProc)
	c.Follow32(asm.R8, asm.R7, c.undoSemID)
	c.Add(
		asm.JSGT.Imm32(asm.R8, 0x7ffffffe, "set_next"),
		asm.JSLT.Imm32(asm.R8, 0, "set_next"),
		asm.StoreMem(asm.R6, memEntry, asm.R8, asm.Word),
	)
	c.findSet()
	c.semadj()
	c.Add(
		asm.LoadMem(asm.R7, asm.R6, memNSems, asm.Word),
		asm.JGT.Imm(asm.R7, undoMaxInSet, "set_more"),
		asm.Add.Imm(asm.R7, 3), asm.RSh.Imm(asm.R7, 2),
		asm.LoadMem(asm.R1, asm.R6, memFours, asm.Word),
		asm.Add.Reg(asm.R1, asm.R7),
		asm.JGT.Imm(asm.R1, undoMaxFours, "set_more"),
		asm.StoreMem(asm.R6, memFours, asm.R1, asm.Word),
		asm.Mov.Reg(asm.R1, asm.R7),
	)
	c.Loop("undo_adj")
	c.Add(
		asm.LoadMem(asm.R1, asm.R6, memMore, asm.Word),
		asm.JNE.Imm(asm.R1, 0, "set_stop"),
	)
	c.Label("set_next")
	c.Continue()
	c.Label("set_more")
	c.noteMore()
	c.Label("set_stop")
	c.Stop()
}

// semadj stores the address of the adjustments. They are behind the sem_undo in R7; before Linux 5.15 its pointer
// leads to them.
func (c *code) semadj() {
	if c.semadjPointer {
		c.Read(memAdj, 8, asm.R7, c.undoSemAdj)
		return
	}
	c.Add(asm.Add.Imm(asm.R7, c.undoSemAdj), asm.StoreMem(asm.R6, memAdj, asm.R7, asm.DWord))
}

// findSet looks for the set with the id in R8. The set knows its number of semaphores; the sem_undo does not. The low
// bits of an id are its index in the namespace's tree. They are 15 bits, or 24 if the machine booted with
// ipcmni_extend (ipc/util.h).
func (c *code) findSet() {
	found := c.NewLabel("found")
	for _, bits := range []uint{15, 24} {
		c.lookup(1<<bits-1, found)
	}
	c.Add(asm.Ja.Label("set_more"))
	c.Label(found)
}

// lookup descends the tree (include/linux/xarray.h). An entry with the low bits 10 is a node. An entry with the low
// bits 00 is the kern_ipc_perm. It jumps to found if the kern_ipc_perm has the id. R7 and R8 stay.
func (c *code) lookup(mask int32, found string) {
	missing, leaf := c.NewLabel("missing"), c.NewLabel("leaf")
	c.Add(asm.LoadMem(asm.R9, asm.R6, memRoot, asm.DWord))
	c.Follow(asm.R9, asm.R9, 0)
	for range 24/4 + 1 { // a node has 64 entries, or 16 with CONFIG_BASE_SMALL
		c.Add(
			asm.Mov.Reg(asm.R1, asm.R9), asm.And.Imm(asm.R1, 3),
			asm.JNE.Imm(asm.R1, 2, leaf),
			asm.Sub.Imm(asm.R9, 2),
			asm.Mov.Imm(asm.R1, 0), asm.StoreMem(asm.R6, memTmp, asm.R1, asm.DWord),
		)
		c.Read(memTmp, 1, asm.R9, c.nodeShift)
		c.Add(
			asm.LoadMem(asm.R1, asm.R6, memTmp, asm.Byte),
			asm.JGT.Imm(asm.R1, 31, missing),
			asm.Mov.Reg(asm.R2, asm.R8), asm.And.Imm(asm.R2, mask), asm.RSh.Reg(asm.R2, asm.R1),
			asm.And.Imm(asm.R2, c.nodeMask), asm.LSh.Imm(asm.R2, 3),
			asm.Add.Reg(asm.R9, asm.R2),
		)
		c.Follow(asm.R9, asm.R9, c.nodeSlots)
	}
	c.Label(leaf)
	c.Follow32(asm.R1, asm.R9, c.permID)
	c.Add(asm.JNE.Reg32(asm.R1, asm.R8, missing))
	c.Read(memNSems, 4, asm.R9, c.setNSems)
	c.Add(asm.Ja.Label(found))
	c.Label(missing)
}

// adjustments is the body of the loop over a set's semaphores, four at a time.
func (c *code) adjustments() {
	c.Body("undo_adj")
	c.Add(
		asm.Mov.Reg(asm.R6, asm.R2),
		asm.Mov.Reg(asm.R7, asm.R1), asm.LSh.Imm(asm.R7, 2),
		asm.LoadMem(asm.R2, asm.R6, memNSems, asm.Word),
		asm.JGE.Reg(asm.R7, asm.R2, "adj_stop"),
		asm.Sub.Reg(asm.R2, asm.R7), // the rest
		asm.JLE.Imm(asm.R2, 4, "adj_last"),
		asm.Mov.Imm(asm.R2, 4),
	)
	c.Label("adj_last")
	c.Add(
		asm.LSh.Imm(asm.R2, 1),
		asm.Mov.Imm(asm.R1, 0), asm.StoreMem(asm.R6, memTmp, asm.R1, asm.DWord),
		asm.LoadMem(asm.R3, asm.R6, memAdj, asm.DWord),
		asm.Mov.Reg(asm.R1, asm.R7), asm.LSh.Imm(asm.R1, 1), asm.Add.Reg(asm.R3, asm.R1),
		asm.Mov.Reg(asm.R1, asm.R6), asm.Add.Imm(asm.R1, memTmp),
		asm.FnProbeReadKernel.Call(),
		asm.JNE.Imm(asm.R0, 0, "adj_more"),
		asm.LoadMem(asm.R1, asm.R6, memTmp, asm.DWord),
		asm.JEq.Imm(asm.R1, 0, "adj_next"),
	)
	for i := range int16(4) {
		zero := c.NewLabel("zero")
		c.Add(
			asm.LoadMem(asm.R1, asm.R6, memTmp+2*i, asm.Half),
			asm.JEq.Imm(asm.R1, 0, zero),
			asm.StoreMem(asm.R6, memEntAdj, asm.R1, asm.Half),
			asm.Mov.Reg(asm.R1, asm.R7), asm.Add.Imm(asm.R1, int32(i)),
			asm.StoreMem(asm.R6, memNum, asm.R1, asm.Half),
			asm.LoadMem(asm.R1, asm.R6, memWritten, asm.Word),
			asm.JGE.Imm(asm.R1, undoMaxWritten, "adj_more"),
			asm.Add.Imm(asm.R1, 1),
			asm.StoreMem(asm.R6, memWritten, asm.R1, asm.Word),
		)
		c.Write(memEntry, undoEntrySize)
		c.Label(zero)
	}
	c.Label("adj_next")
	c.Continue()
	c.Label("adj_more")
	c.noteMore()
	c.Label("adj_stop")
	c.Stop()
}
