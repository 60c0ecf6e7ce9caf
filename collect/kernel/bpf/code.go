package bpf

import (
	"fmt"

	"github.com/cilium/ebpf/asm"
)

// Code collects the instructions of a program that walks the kernel's structures and writes its results. R6 points to
// the program's memory. R7, R8 and R9 hold addresses and numbers. Calls overwrite R0 to R5. All reads use
// bpf_probe_read_kernel: with a bad address it returns an error.
type Code struct {
	asm.Instructions
	Seq   int16     // offset in the memory of the seq_file's address; Write writes to this seq_file
	Tmp   int16     // offset in the memory of 8 free bytes for Follow
	Space int16     // the same for the reader's pid namespace: Number checks it. 0: all tasks are in this namespace
	label string    // the label of the next instruction
	begun *function // the function that begins with the next instruction
	jumps int
}

// Add adds instructions.
func (c *Code) Add(list ...asm.Instruction) {
	for _, ins := range list {
		if c.begun != nil {
			ins.Metadata.Set(functionMark{}, *c.begun)
			c.begun = nil
		}
		if c.label != "" {
			ins, c.label = ins.WithSymbol(c.label), ""
		}
		c.Instructions = append(c.Instructions, ins)
	}
}

// Entry begins the program. R1 is the iterator's context.
func (c *Code) Entry(name string) { c.label, c.begun = name, &function{name: name} }

// TaskEntry begins a program over tasks, whose context is {meta, task}; meta begins with {seq_file}. Then R7 is the
// task, and R6 the program's memory of size bytes: the seq_file at Seq, and zeros in the rest. After the last task the
// program goes to the label "out".
func (c *Code) TaskEntry(name string, size int16) {
	c.Entry(name)
	c.Add(
		asm.LoadMem(asm.R7, asm.R1, 8, asm.DWord),
		asm.JEq.Imm(asm.R7, 0, "out"),
		asm.LoadMem(asm.R2, asm.R1, 0, asm.DWord),
		asm.LoadMem(asm.R2, asm.R2, 0, asm.DWord),
		asm.Mov.Reg(asm.R6, asm.R10), asm.Add.Imm(asm.R6, -int32(size)),
		asm.StoreMem(asm.R6, c.Seq, asm.R2, asm.DWord),
		asm.Mov.Imm(asm.R2, 0),
	)
	for at := c.Seq + 8; at < size; at += 8 {
		c.Add(asm.StoreMem(asm.R6, at, asm.R2, asm.DWord))
	}
}

// Body begins the body of a loop. R1 is the number of finished rounds, R2 the program's memory.
func (c *Code) Body(name string) { c.label, c.begun = name, &function{name: name, body: true} }

// Label puts a label before the next instruction. If the last label has no instruction yet, an instruction without
// effect carries it.
func (c *Code) Label(label string) {
	if c.label != "" {
		c.Add(asm.Mov.Reg(asm.R0, asm.R0))
	}
	c.label = label
}

// NewLabel makes a label that nothing else uses.
func (c *Code) NewLabel(what string) string {
	c.jumps++
	return fmt.Sprintf("%s_%d", what, c.jumps)
}

// Read copies size bytes at base+off into the program's memory. It writes zeros if the kernel cannot read them. R0 is
// 0 after a good read.
func (c *Code) Read(to int32, size int32, base asm.Register, off int32) {
	c.Add(
		asm.Mov.Reg(asm.R3, base), asm.Add.Imm(asm.R3, off),
		asm.Mov.Reg(asm.R1, asm.R6), asm.Add.Imm(asm.R1, to),
		asm.Mov.Imm(asm.R2, size),
		asm.FnProbeReadKernel.Call(),
	)
}

// Follow loads the pointer at base+off.
func (c *Code) Follow(to, base asm.Register, off int32) {
	c.Read(int32(c.Tmp), 8, base, off)
	c.Add(asm.LoadMem(to, asm.R6, c.Tmp, asm.DWord))
}

// Follow32 loads the 32 bits at base+off.
func (c *Code) Follow32(to, base asm.Register, off int32) {
	c.Read(int32(c.Tmp), 4, base, off)
	c.Add(asm.LoadMem(to, asm.R6, c.Tmp, asm.Word))
}

// Write gives size bytes of the program's memory to the reader.
func (c *Code) Write(from, size int32) {
	c.Add(
		asm.LoadMem(asm.R1, asm.R6, c.Seq, asm.DWord),
		asm.Mov.Reg(asm.R2, asm.R6), asm.Add.Imm(asm.R2, from),
		asm.Mov.Imm(asm.R3, size),
		asm.FnSeqWrite.Call(),
	)
}

// Loop calls a function R1 times, with the program's memory.
func (c *Code) Loop(function string) {
	c.Add(
		asm.Instruction{OpCode: asm.LoadImmOp(asm.DWord), Dst: asm.R2, Src: asm.PseudoFunc,
			Constant: -1}.WithReference(function),
		asm.Mov.Reg(asm.R3, asm.R6),
		asm.Mov.Imm(asm.R4, 0),
		asm.FnLoop.Call(),
	)
}

// Continue ends one round of a loop's body. It also ends the program.
func (c *Code) Continue() { c.Add(asm.Mov.Imm(asm.R0, 0), asm.Return()) }

// Stop ends a loop's body and its loop.
func (c *Code) Stop() { c.Add(asm.Mov.Imm(asm.R0, 1), asm.Return()) }
