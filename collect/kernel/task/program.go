package task

import (
	"unsafe"

	"github.com/cilium/ebpf/asm"

	"github.com/ipctop/ipctop/collect/kernel/bpf"
)

// The program's memory. R6 points to it. R7 is the task, R9 the level of the reader's pid namespace.
const (
	memSeq    = 0 // seq_file to write to
	memTmp    = 8
	memSpace  = 16
	memSignal = 24 // task_struct.signal
	memRecord = 32
	memSize   = memRecord + int16(unsafe.Sizeof(record{}))
)

// code is the program, with the structures of one kernel.
type code struct {
	*layout
	*bpf.Code
}

// assemble assembles the program for the running kernel:
//
//	for each task of the pid namespace, by the kernel:
//		read the members of task_struct, and of the structures that it points to
//		of a sleeping task: read the registers of its call, and check that it still sleeps
//		write the record
//
// The kernel calls it within rcu_read_lock. A structure that ends meanwhile gives zeros or old numbers, never an error.
func assemble(l *layout) asm.Instructions {
	c := &code{l, &bpf.Code{Seq: memSeq, Tmp: memTmp, Space: memSpace}}
	c.TaskEntry("task", memSize)
	c.Add(asm.FnGetCurrentTask.Call(), asm.Mov.Reg(asm.R8, asm.R0))
	c.ReaderLevel(c.numbers, "out")
	c.all(c.task, asm.R7)
	c.Number(c.numbers, to(unsafe.Offsetof(record{}.TID)), asm.R7, asm.R8)
	c.process()
	c.memoryOf()
	c.credentials()
	c.inNamespaces()
	c.name()
	c.call()
	c.schedule()
	c.Write(memRecord, int32(memSize-memRecord))
	c.Label("out")
	c.Continue()
	return c.Instructions
}

// to is the place of a field of the record in the program's memory.
func to(field uintptr) int32 { return memRecord + int32(field) }

// all reads members of a structure.
func (c *code) all(reads []read, base asm.Register) {
	for _, r := range reads {
		c.Read(to(r.to), r.size, base, r.from)
	}
}

// ifSet follows a pointer into R8. It goes on with do if the pointer is not 0.
func (c *code) ifSet(base asm.Register, off int32, do func()) {
	none := c.NewLabel("none")
	c.Follow(asm.R8, base, off)
	c.Add(asm.JEq.Imm(asm.R8, 0, none))
	do()
	c.Label(none)
}

// schedule reads what tells if the task still sleeps.
func (c *code) schedule() {
	var r record
	if c.onCPU != none {
		c.Read(to(unsafe.Offsetof(r.OnCPU)), 1, asm.R7, c.onCPU)
	}
	if c.delayed != none {
		c.Read(to(unsafe.Offsetof(r.Delayed)), 1, asm.R7, c.delayed)
	}
	c.Read(to(unsafe.Offsetof(r.OnRQ)), 4, asm.R7, c.onRQ)
}

// process reads what all threads of the process have in common: struct signal_struct.
func (c *code) process() {
	var r record
	c.ifSet(asm.R7, c.signal, func() {
		c.Add(asm.StoreMem(asm.R6, memSignal, asm.R8, asm.DWord))
		c.all(c.ofSignal, asm.R8)
		c.numberAt(unsafe.Offsetof(r.PID), c.tgid)
		c.numberAt(unsafe.Offsetof(r.PGID), c.pgid)
		c.numberAt(unsafe.Offsetof(r.SID), c.sid)
		if c.ofTTY != nil {
			c.Add(asm.LoadMem(asm.R8, asm.R6, memSignal, asm.DWord))
			c.ifSet(asm.R8, c.tty, func() {
				c.all(c.ofTTY, asm.R8)
				c.ifSet(asm.R8, c.ttyDriver, func() { c.all(c.ofDriver, asm.R8) })
			})
		}
	})
	c.ifSet(asm.R7, c.parent, func() {
		c.ifSet(asm.R8, c.signal, func() {
			c.ifSet(asm.R8, c.tgid, func() { c.NumberOf(c.numbers, to(unsafe.Offsetof(r.PPID)), asm.R8) })
		})
	})
}

// numberAt reads a number of the process: at is the pointer to its struct pid, in the structure at memSignal.
func (c *code) numberAt(field uintptr, at int32) {
	c.Add(asm.LoadMem(asm.R8, asm.R6, memSignal, asm.DWord))
	c.ifSet(asm.R8, at, func() { c.NumberOf(c.numbers, to(field), asm.R8) })
}

func (c *code) memoryOf() {
	var r record
	c.ifSet(asm.R7, c.mm, func() {
		c.Add(asm.StoreMem(asm.R6, int16(to(unsafe.Offsetof(r.MM))), asm.R8, asm.DWord))
		c.all(c.ofMM, asm.R8)
	})
}

// credentials reads user and group ids, and the user namespace. The number of groups is -1 if they are unreadable.
func (c *code) credentials() {
	var r record
	c.ifSet(asm.R7, c.cred, func() {
		c.all(c.ofCred, asm.R8)
		c.Follow(asm.R1, asm.R8, c.userNS)
		c.Read(to(unsafe.Offsetof(r.NS)+4*userSpacePlace), 4, asm.R1, c.userNSInode)
		c.Follow(asm.R8, asm.R8, c.groups)
		c.all(c.ofGroups, asm.R8)
		good := c.NewLabel("good")
		c.Read(to(unsafe.Offsetof(r.GroupIDs)), 4*mostGroups, asm.R8, c.groupIDs)
		c.Add(asm.JEq.Imm(asm.R0, 0, good),
			asm.Mov.Imm(asm.R1, -1), asm.StoreMem(asm.R6, int16(to(unsafe.Offsetof(r.Groups))), asm.R1, asm.Word))
		c.Label(good)
	})
}

func (c *code) inNamespaces() {
	var r record
	for _, s := range c.spaces {
		c.ifSet(asm.R7, c.nsproxy, func() {
			c.ifSet(asm.R8, s.at, func() { c.Read(to(s.to), 4, asm.R8, s.inode) })
		})
	}
	// the pid namespace is that of the task's last number (task_active_pid_ns in kernel/pid.c)
	outside := c.NewLabel("outside")
	c.ifSet(asm.R7, c.threadPID, func() {
		c.Follow32(asm.R1, asm.R8, c.pidLevel)
		c.Add(
			asm.JGT.Imm(asm.R1, 32, outside), // MAX_PID_NS_LEVEL
			asm.Mul.Imm(asm.R1, c.pidStep), asm.Add.Reg(asm.R8, asm.R1),
		)
		c.Follow(asm.R8, asm.R8, c.pidSpace)
		c.Read(to(unsafe.Offsetof(r.NS)+4*pidSpacePlace), 4, asm.R8, c.pidNSInode)
	})
	c.Label(outside)
}

// name notes the long name of a thread of the kernel.
func (c *code) name() {
	var r record
	if c.worker == none || c.fullName == none {
		return
	}
	other := c.NewLabel("other")
	c.Add(asm.LoadMem(asm.R1, asm.R6, int16(to(unsafe.Offsetof(r.Flags))), asm.Word),
		asm.And.Imm(asm.R1, kernelThread), asm.JEq.Imm(asm.R1, 0, other))
	c.ifSet(asm.R7, c.worker, func() {
		c.ifSet(asm.R8, c.fullName, func() {
			c.Add(asm.Mov.Imm(asm.R1, 1),
				asm.StoreMem(asm.R6, int16(to(unsafe.Offsetof(r.FullName))), asm.R1, asm.Word))
		})
	})
	c.Label(other)
}

// call reads the registers of a task that sleeps. Then it reads again what shows that the task has slept all the time,
// like task_current_syscall in lib/syscall.c.
func (c *code) call() {
	var r record
	runs := c.NewLabel("runs")
	c.Add(
		asm.LoadMem(asm.R1, asm.R6, int16(to(unsafe.Offsetof(r.State))), asm.Word),
		asm.JEq.Imm(asm.R1, 0, runs),
		asm.LoadMem(asm.R1, asm.R6, int16(to(unsafe.Offsetof(r.ExitState))), asm.Word),
		asm.JNE.Imm(asm.R1, 0, runs),
		asm.Mov.Reg(asm.R1, asm.R7), asm.FnTaskPtRegs.Call(),
		asm.Mov.Reg(asm.R8, asm.R0),
	)
	c.all(c.regs, asm.R8)
	c.Read(to(unsafe.Offsetof(r.AfterNVCSw)), 8, asm.R7, c.nvcsw)
	c.Read(to(unsafe.Offsetof(r.AfterState)), 4, asm.R7, c.state)
	c.Label(runs)
}
