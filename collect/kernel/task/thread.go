package task

import (
	"math"

	"github.com/ipctop/ipctop/collect/kernel/process"
)

// Thread is one thread of one reading.
type Thread struct {
	of *Tasks
	r  *record
}

// TID is the number of the thread.
func (t Thread) TID() int { return int(t.r.TID) }

// State is the letter of the thread's state in /proc.
func (t Thread) State() byte { return t.r.letter() }

// RSS is the resident memory in pages, as /proc/TID/stat has it.
func (t Thread) RSS() int64 { return t.r.pages() }

// Switches counts how often the thread went to sleep, like process.Dir.Switches.
func (t Thread) Switches() uint64 { return t.r.NVCSw }

// SameFiles is true if two threads have the same table of descriptors. A thread that has ended has none.
func (t Thread) SameFiles(o Thread) bool { return t.r.Files == o.r.Files }

// HasFiles is true if the thread has a table of descriptors.
func (t Thread) HasFiles() bool { return t.r.Files != 0 }

// Namespaces are the inodes of the thread's namespaces, in the order of namespace.Types.
func (t Thread) Namespaces() (inodes [8]uint64) {
	for i, ino := range t.r.NS {
		inodes[i] = uint64(ino)
	}
	return inodes
}

// Task is what /proc/TID/syscall tells. A thread on the way to sleep may be OnCPU already or still.
func (t Thread) Task() process.Task {
	task := process.Task{TID: t.TID(), In: t.in()}
	if task.In == process.InCall {
		task.Call = process.BlockedCall{TID: t.TID(), NR: int(int32(t.r.Regs.NR)), Args: t.r.Regs.Args,
			SP: t.r.Regs.stackPointer(), PC: t.r.Regs.PC}
	}
	return task
}

// in is the state of the thread. A thread that is on the queue of a CPU runs, or is about to run or to sleep. Since
// Linux 6.12 a sleeper may stay on the queue for a while (sched_delayed in kernel/sched/fair.c).
func (t Thread) in() process.TaskIn {
	r := t.r
	switch {
	case r.ExitState != 0:
		return process.Ended
	case r.State == 0, r.OnCPU != 0, r.OnRQ != 0 && r.Delayed == 0,
		r.AfterNVCSw != r.NVCSw, r.AfterState != r.State:
		return process.OnCPU
	}
	sp, pc := r.Regs.stackPointer(), r.Regs.PC
	switch {
	case sp == 0 && pc == 0 && int32(r.Regs.NR) < 0:
		return process.Ended
	case sp == 0 && pc == 0:
		return process.Worker
	case int32(r.Regs.NR) < 0:
		return process.OutsideCall
	case sp <= math.MaxUint32 && pc <= math.MaxUint32:
		return process.Foreign32
	}
	return process.InCall
}
