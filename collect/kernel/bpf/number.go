package bpf

import "github.com/cilium/ebpf/asm"

// Numbers has the offsets that lead from a task to its numbers. A task's struct pid has one number for each level of
// pid namespaces down to its own.
type Numbers struct {
	Leader             int32 // task_struct.group_leader
	pid                int32 // task_struct.thread_pid
	level, first, size int32 // struct pid: level, the number of the first level, the distance of the next
	space              int32 // struct upid: the namespace, counted from the number
}

// Numbers finds the offsets.
func (l *Layout) Numbers() Numbers {
	return Numbers{
		Leader: l.Offset("task_struct", "group_leader"),
		pid:    l.Offset("task_struct", "thread_pid"),
		level:  l.Offset("pid", "level"),
		first:  l.Offset("pid", "numbers") + l.Offset("upid", "nr"),
		size:   l.Size("upid"),
		space:  l.Offset("upid", "ns") - l.Offset("upid", "nr"),
	}
}

// ReaderLevel makes R9 the level of the reader's pid namespace, for Number. R8 is the task that reads, and changes. It
// jumps to fail if the level cannot be.
func (c *Code) ReaderLevel(n Numbers, fail string) {
	c.Follow(asm.R8, asm.R8, n.pid)
	c.Follow32(asm.R9, asm.R8, n.level)
	c.Add(
		asm.JGT.Imm(asm.R9, 32, fail), // MAX_PID_NS_LEVEL
		asm.Mul.Imm(asm.R9, n.size), asm.Add.Imm(asm.R9, n.first),
	)
	if c.Space != 0 {
		c.Add(asm.Add.Reg(asm.R8, asm.R9))
		c.Follow(asm.R8, asm.R8, n.space)
		c.Add(asm.StoreMem(asm.R6, c.Space, asm.R8, asm.DWord))
	}
}

// Number writes the task's number in the pid namespace of the reader into the program's memory. R9 is the level. For a
// task outside this namespace it writes nothing, if the code has a Space: the memory keeps its 0. tmp changes.
func (c *Code) Number(n Numbers, to int32, task, tmp asm.Register) {
	c.Follow(tmp, task, n.pid)
	c.NumberOf(n, to, tmp)
}

// NumberOf is Number for a struct pid, whose register changes. Like pid_nr_ns in kernel/pid.c it compares the level and
// the namespace. A task outside may have a number of another namespace at this level. Or it has none: then this memory
// may still hold the number of an ended task.
func (c *Code) NumberOf(n Numbers, to int32, pid asm.Register) {
	if c.Space == 0 {
		c.Add(asm.Add.Reg(pid, asm.R9))
		c.Read(to, 4, pid, 0)
		return
	}
	outside := c.NewLabel("outside")
	c.Follow32(asm.R1, pid, n.level)
	c.Add(
		asm.JGT.Imm(asm.R1, 32, outside), // MAX_PID_NS_LEVEL
		asm.Mul.Imm(asm.R1, n.size), asm.Add.Imm(asm.R1, n.first),
		asm.JLT.Reg(asm.R1, asm.R9, outside),
		asm.Add.Reg(pid, asm.R9),
	)
	c.Follow(asm.R1, pid, n.space)
	c.Add(
		asm.LoadMem(asm.R2, asm.R6, c.Space, asm.DWord),
		asm.JNE.Reg(asm.R1, asm.R2, outside),
	)
	c.Read(to, 4, pid, 0)
	c.Label(outside)
}
