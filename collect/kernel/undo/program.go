package undo

import (
	"fmt"

	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
)

// The program, assembled for the structures of the running kernel (undoLayout):
//
//	for each task of the pid namespace, by the kernel:              undo_task
//		not the task's own list but its leader's: next
//		write the header
//		for each sem_undo of task->sysvsem.undo_list->list_proc:    undo_set
//			find its set in the IPC namespace: how many semaphores
//			for each four of sem_undo.semadj:                       undo_adj
//				write those that are not 0
//		write the end
//
// The kernel calls it within rcu_read_lock, under which it frees no sem_undo (ipc/sem.c: kvfree_rcu). All reads are by
// bpf_probe_read_kernel, which turns a bad address into an error. The loops are bpf_loop's (Linux 5.17), whose body alone is verified.

// How much is read of one task. The iterator's buffer holds 32 KiB of a task (kernel/bpf/bpf_iter.c: PAGE_SIZE << 3), of which an
// adjustment takes 8 bytes.
const (
	undoMaxSets    = 32768   // sets: the usual SEMMNI is 32000
	undoMaxWritten = 3500    // adjustments
	undoMaxFours   = 1 << 18 // reads of four semaphores: 5 milliseconds
	undoMaxInSet   = 1 << 16 // semaphores: semop has 16 bits for the number
)

// The program's memory: undo_task's stack, which the loops' bodies get a pointer to. R6 points to it throughout. What counts has an offset that is
// no multiple of 8, which keeps the verifier from following each value by itself.
const (
	memSeq     = 0  // seq_file to write to
	memPos     = 8  // where in the list we are: a list_head
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
	memMore    = 84 // 1: there is more than what was written
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

// undoCode collects instructions. R7, R8 and R9 hold addresses and numbers; calls spoil R0 to R5.
type undoCode struct {
	undoLayout
	asm.Instructions
	label string // what the next instruction is to be called
	fn    *btf.Func
	jumps int
}

func (c *undoCode) add(list ...asm.Instruction) {
	for _, ins := range list {
		if c.fn != nil {
			ins, c.fn = btf.WithFuncMetadata(ins, c.fn), nil
		}
		if c.label != "" {
			ins, c.label = ins.WithSymbol(c.label), ""
		}
		c.Instructions = append(c.Instructions, ins)
	}
}

// function begins one: the loops' bodies must be known to be functions, static ones, by their types (check_ld_imm in kernel/bpf/verifier.c).
func (c *undoCode) function(name string, linkage btf.FuncLinkage, params ...btf.FuncParam) {
	number := &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed}
	c.label, c.fn = name, &btf.Func{Name: name, Linkage: linkage, Type: &btf.FuncProto{Return: number, Params: params}}
}

// here puts a label before the next instruction. If the last one has none yet, an instruction that does nothing carries it.
func (c *undoCode) here(label string) {
	if c.label != "" {
		c.add(asm.Mov.Reg(asm.R0, asm.R0))
	}
	c.label = label
}

// next makes a label that nobody else has.
func (c *undoCode) next(what string) string {
	c.jumps++
	return fmt.Sprintf("%s_%d", what, c.jumps)
}

// read copies size bytes at base+off into our memory; 0 where they cannot be read. R0 is 0 if they could.
func (c *undoCode) read(to int32, size int32, base asm.Register, off int32) {
	c.add(
		asm.Mov.Reg(asm.R3, base), asm.Add.Imm(asm.R3, off),
		asm.Mov.Reg(asm.R1, asm.R6), asm.Add.Imm(asm.R1, to),
		asm.Mov.Imm(asm.R2, size),
		asm.FnProbeReadKernel.Call(),
	)
}

// follow loads the pointer at base+off.
func (c *undoCode) follow(to, base asm.Register, off int32) {
	c.read(memTmp, 8, base, off)
	c.add(asm.LoadMem(to, asm.R6, memTmp, asm.DWord))
}

// follow32 loads the 32 bits at base+off.
func (c *undoCode) follow32(to, base asm.Register, off int32) {
	c.read(memTmp, 4, base, off)
	c.add(asm.LoadMem(to, asm.R6, memTmp, asm.Word))
}

// write gives size bytes of our memory to the reader.
func (c *undoCode) write(from, size int32) {
	c.add(
		asm.LoadMem(asm.R1, asm.R6, memSeq, asm.DWord),
		asm.Mov.Reg(asm.R2, asm.R6), asm.Add.Imm(asm.R2, from),
		asm.Mov.Imm(asm.R3, size),
		asm.FnSeqWrite.Call(),
	)
}

// loop calls a function with our memory as often as R1 says.
func (c *undoCode) loop(function string) {
	c.add(
		asm.Instruction{OpCode: asm.LoadImmOp(asm.DWord), Dst: asm.R2, Src: asm.PseudoFunc, Constant: -1}.WithReference(function),
		asm.Mov.Reg(asm.R3, asm.R6),
		asm.Mov.Imm(asm.R4, 0),
		asm.FnLoop.Call(),
	)
}

// The ends of the loops' bodies.
func (c *undoCode) goOn() { c.add(asm.Mov.Imm(asm.R0, 0), asm.Return()) }
func (c *undoCode) stop() { c.add(asm.Mov.Imm(asm.R0, 1), asm.Return()) }
func (c *undoCode) more() {
	c.add(asm.Mov.Imm(asm.R1, 1), asm.StoreMem(asm.R6, memMore, asm.R1, asm.Word))
}

// undoProgram assembles the program for the running kernel.
func undoProgram(types *btf.Spec) (asm.Instructions, error) {
	l, err := readUndoLayout(types)
	if err != nil {
		return nil, err
	}
	c := &undoCode{undoLayout: l}
	c.task()
	c.set()
	c.adjustments()
	return c.Instructions, nil
}

// task is the program's entry: R1 is the iterator's context {meta, task}, meta begins with {seq_file}.
func (c *undoCode) task() {
	pointer := &btf.Pointer{Target: &btf.Void{}}
	c.function("undo_task", btf.GlobalFunc, btf.FuncParam{Name: "ctx", Type: pointer})
	c.add(
		asm.LoadMem(asm.R7, asm.R1, 8, asm.DWord),
		asm.JEq.Imm(asm.R7, 0, "out"), // after the last task
		asm.LoadMem(asm.R2, asm.R1, 0, asm.DWord),
		asm.LoadMem(asm.R2, asm.R2, 0, asm.DWord),
		asm.Mov.Reg(asm.R6, asm.R10), asm.Add.Imm(asm.R6, -memSize),
		asm.StoreMem(asm.R6, memSeq, asm.R2, asm.DWord),
		asm.Mov.Imm(asm.R2, 0),
	)
	for at := int16(memPos); at < memSize; at += 8 {
		c.add(asm.StoreMem(asm.R6, at, asm.R2, asm.DWord))
	}
	c.add(asm.FnGetCurrentTask.Call(), asm.Mov.Reg(asm.R8, asm.R0))
	c.read(hdrList, 8, asm.R7, c.taskUndoList)
	c.add(
		asm.JEq.Reg(asm.R7, asm.R8, "wanted"), // ourselves, always
		asm.LoadMem(asm.R9, asm.R6, hdrList, asm.DWord),
		asm.JEq.Imm(asm.R9, 0, "out"),
	)
	c.follow(asm.R9, asm.R7, c.taskLeader)
	c.add(asm.JEq.Reg(asm.R7, asm.R9, "wanted"))
	c.follow(asm.R9, asm.R9, c.taskUndoList)
	c.add(
		asm.LoadMem(asm.R2, asm.R6, hdrList, asm.DWord),
		asm.JEq.Reg(asm.R9, asm.R2, "out"), // a thread with its leader's list
	)
	c.here("wanted")
	c.header()
	c.walk()
	c.here("out")
	c.goOn()
}

// header writes who the task in R7 is. The reader's thread in R8 tells which of a task's pids are those of our pid namespace, the one that the
// iterator was opened in: each task's struct pid has one for every level of namespaces down to its own.
func (c *undoCode) header() {
	c.follow(asm.R8, asm.R8, c.taskPID)
	c.follow32(asm.R9, asm.R8, c.pidLevel)
	c.add(
		asm.JGT.Imm(asm.R9, 32, "out"), // MAX_PID_NS_LEVEL
		asm.Mul.Imm(asm.R9, c.upidSize), asm.Add.Imm(asm.R9, c.pidNumber),
	)
	number := func(to int32, task asm.Register) {
		c.follow(asm.R8, task, c.taskPID)
		c.add(asm.Add.Reg(asm.R8, asm.R9))
		c.read(to, 4, asm.R8, 0)
	}
	number(hdrTID, asm.R7)
	c.follow(asm.R8, asm.R7, c.taskLeader)
	c.read(hdrStart, 8, asm.R8, c.taskStart)
	c.read(hdrComm, 16, asm.R8, c.taskComm)
	number(hdrPID, asm.R8)
	c.follow(asm.R8, asm.R7, c.taskNSProxy)
	c.follow(asm.R8, asm.R8, c.nsproxyIPC)
	c.read(hdrIPCNS, 4, asm.R8, c.ipcInode)
	c.add(
		asm.Add.Imm(asm.R8, c.ipcSemRoot),
		asm.StoreMem(asm.R6, memRoot, asm.R8, asm.DWord),
	)
	c.write(memHeader, hdrSize)
}

// walk goes through the task's list and writes the end.
func (c *undoCode) walk() {
	c.add(
		asm.LoadMem(asm.R8, asm.R6, hdrList, asm.DWord),
		asm.JEq.Imm(asm.R8, 0, "end"),
	)
	c.read(memPos, 8, asm.R8, c.listProc)
	c.add(
		asm.Add.Imm(asm.R8, c.listProc),
		asm.StoreMem(asm.R6, memHead, asm.R8, asm.DWord),
		asm.Mov.Imm(asm.R1, undoMaxSets),
	)
	c.loop("undo_set")
	c.add(
		asm.LoadMem(asm.R1, asm.R6, memPos, asm.DWord),
		asm.LoadMem(asm.R2, asm.R6, memHead, asm.DWord),
		asm.JEq.Reg(asm.R1, asm.R2, "end"),
	)
	c.more()
	c.here("end")
	c.add(
		asm.Mov.Imm(asm.R1, -1), asm.StoreMem(asm.R6, memEntry, asm.R1, asm.Word),
		asm.LoadMem(asm.R1, asm.R6, memMore, asm.Word), asm.StoreMem(asm.R6, memNum, asm.R1, asm.Half),
	)
	c.write(memEntry, undoEntrySize)
}

// set is the body of the loop over a task's sem_undos. One whose set was removed has semid −1 (freeary in ipc/sem.c).
func (c *undoCode) set() {
	c.function("undo_set", btf.StaticFunc, loopParams()...)
	c.add(
		asm.Mov.Reg(asm.R6, asm.R2),
		asm.LoadMem(asm.R7, asm.R6, memPos, asm.DWord),
		asm.LoadMem(asm.R8, asm.R6, memHead, asm.DWord),
		asm.JEq.Reg(asm.R7, asm.R8, "set_stop"),
		asm.Sub.Imm(asm.R7, c.undoProc),
	)
	c.follow(asm.R8, asm.R7, c.undoList)
	c.add(
		asm.LoadMem(asm.R9, asm.R6, hdrList, asm.DWord),
		asm.JNE.Reg(asm.R8, asm.R9, "set_more"), // no sem_undo of this list: it was freed under our eyes
	)
	c.read(memPos, 8, asm.R7, c.undoProc)
	c.follow32(asm.R8, asm.R7, c.undoSemID)
	c.add(
		asm.JSGT.Imm32(asm.R8, 0x7ffffffe, "set_next"),
		asm.JSLT.Imm32(asm.R8, 0, "set_next"),
		asm.StoreMem(asm.R6, memEntry, asm.R8, asm.Word),
	)
	c.findSet()
	c.semadj()
	c.add(
		asm.LoadMem(asm.R7, asm.R6, memNSems, asm.Word),
		asm.JGT.Imm(asm.R7, undoMaxInSet, "set_more"),
		asm.Add.Imm(asm.R7, 3), asm.RSh.Imm(asm.R7, 2),
		asm.LoadMem(asm.R1, asm.R6, memFours, asm.Word),
		asm.Add.Reg(asm.R1, asm.R7),
		asm.JGT.Imm(asm.R1, undoMaxFours, "set_more"),
		asm.StoreMem(asm.R6, memFours, asm.R1, asm.Word),
		asm.Mov.Reg(asm.R1, asm.R7),
	)
	c.loop("undo_adj")
	c.add(
		asm.LoadMem(asm.R1, asm.R6, memMore, asm.Word),
		asm.JNE.Imm(asm.R1, 0, "set_stop"),
	)
	c.here("set_next")
	c.goOn()
	c.here("set_more")
	c.more()
	c.here("set_stop")
	c.stop()
}

func loopParams() []btf.FuncParam {
	return []btf.FuncParam{
		{Name: "index", Type: &btf.Int{Name: "unsigned int", Size: 4}},
		{Name: "mem", Type: &btf.Pointer{Target: &btf.Void{}}},
	}
}

// semadj puts down where the adjustments are: behind the sem_undo of R7, or where its pointer leads (before Linux 5.15).
func (c *undoCode) semadj() {
	if c.semadjPointer {
		c.read(memAdj, 8, asm.R7, c.undoSemAdj)
		return
	}
	c.add(asm.Add.Imm(asm.R7, c.undoSemAdj), asm.StoreMem(asm.R6, memAdj, asm.R7, asm.DWord))
}

// findSet looks for the set with the id in R8, to learn how many semaphores it has: the sem_undo does not say. An id's low bits are its
// index in the namespace's tree, 15 of them, or 24 where the machine was booted with ipcmni_extend (ipc/util.h).
func (c *undoCode) findSet() {
	found := c.next("found")
	for _, bits := range []uint{15, 24} {
		c.lookup(1<<bits-1, found)
	}
	c.add(asm.Ja.Label("set_more"))
	c.here(found)
}

// lookup descends the tree (include/linux/xarray.h): an entry whose low two bits are 10 is a node, one with 00 the kern_ipc_perm. It goes to found if that
// has the id. R7 and R8 stay.
func (c *undoCode) lookup(mask int32, found string) {
	missing, leaf := c.next("missing"), c.next("leaf")
	c.add(asm.LoadMem(asm.R9, asm.R6, memRoot, asm.DWord))
	c.follow(asm.R9, asm.R9, 0)
	for range 24/4 + 1 { // nodes are of 64 entries, or 16 with CONFIG_BASE_SMALL
		c.add(
			asm.Mov.Reg(asm.R1, asm.R9), asm.And.Imm(asm.R1, 3),
			asm.JNE.Imm(asm.R1, 2, leaf),
			asm.Sub.Imm(asm.R9, 2),
			asm.Mov.Imm(asm.R1, 0), asm.StoreMem(asm.R6, memTmp, asm.R1, asm.DWord),
		)
		c.read(memTmp, 1, asm.R9, c.nodeShift)
		c.add(
			asm.LoadMem(asm.R1, asm.R6, memTmp, asm.Byte),
			asm.JGT.Imm(asm.R1, 31, missing),
			asm.Mov.Reg(asm.R2, asm.R8), asm.And.Imm(asm.R2, mask), asm.RSh.Reg(asm.R2, asm.R1),
			asm.And.Imm(asm.R2, c.nodeMask), asm.LSh.Imm(asm.R2, 3),
			asm.Add.Reg(asm.R9, asm.R2),
		)
		c.follow(asm.R9, asm.R9, c.nodeSlots)
	}
	c.here(leaf)
	c.follow32(asm.R1, asm.R9, c.permID)
	c.add(asm.JNE.Reg32(asm.R1, asm.R8, missing))
	c.read(memNSems, 4, asm.R9, c.setNSems)
	c.add(asm.Ja.Label(found))
	c.here(missing)
}

// adjustments is the body of the loop over a set's semaphores, four at a time.
func (c *undoCode) adjustments() {
	c.function("undo_adj", btf.StaticFunc, loopParams()...)
	c.add(
		asm.Mov.Reg(asm.R6, asm.R2),
		asm.Mov.Reg(asm.R7, asm.R1), asm.LSh.Imm(asm.R7, 2),
		asm.LoadMem(asm.R2, asm.R6, memNSems, asm.Word),
		asm.JGE.Reg(asm.R7, asm.R2, "adj_stop"),
		asm.Sub.Reg(asm.R2, asm.R7), // what is left
		asm.JLE.Imm(asm.R2, 4, "adj_last"),
		asm.Mov.Imm(asm.R2, 4),
	)
	c.here("adj_last")
	c.add(
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
		zero := c.next("zero")
		c.add(
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
		c.write(memEntry, undoEntrySize)
		c.here(zero)
	}
	c.here("adj_next")
	c.goOn()
	c.here("adj_more")
	c.more()
	c.here("adj_stop")
	c.stop()
}
