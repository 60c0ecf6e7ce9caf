package bpf

import (
	"fmt"

	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
)

// Code collects the instructions of a program that walks the kernel's structures and writes what it finds. R6 points
// to the program's memory, R7, R8 and R9 hold addresses and numbers; calls spoil R0 to R5. All reads are by
// bpf_probe_read_kernel, which turns a bad address into an error.
type Code struct {
	asm.Instructions
	Seq   int16  // where in the memory the address of the seq_file is that Write writes to
	Tmp   int16  // where in the memory 8 bytes are free for Follow
	label string // what the next instruction is to be called
	fn    *btf.Func
	jumps int
}

// Add adds instructions.
func (c *Code) Add(list ...asm.Instruction) {
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

// Entry begins the program: R1 is the iterator's context.
func (c *Code) Entry(name string) {
	c.function(name, btf.GlobalFunc, btf.FuncParam{Name: "ctx", Type: &btf.Pointer{Target: &btf.Void{}}})
}

// Body begins the body of a loop: R1 is how often it ran, R2 the program's memory.
func (c *Code) Body(name string) {
	c.function(name, btf.StaticFunc, btf.FuncParam{Name: "index", Type: &btf.Int{Name: "unsigned int", Size: 4}},
		btf.FuncParam{Name: "mem", Type: &btf.Pointer{Target: &btf.Void{}}})
}

// function begins one: the loops' bodies must be known to be functions, static ones, by their types (check_ld_imm in
// kernel/bpf/verifier.c).
func (c *Code) function(name string, linkage btf.FuncLinkage, params ...btf.FuncParam) {
	number := &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed}
	c.label, c.fn = name, &btf.Func{Name: name, Linkage: linkage, Type: &btf.FuncProto{Return: number, Params: params}}
}

// Here puts a label before the next instruction. If the last one has none yet, an instruction that does nothing
// carries it.
func (c *Code) Here(label string) {
	if c.label != "" {
		c.Add(asm.Mov.Reg(asm.R0, asm.R0))
	}
	c.label = label
}

// Next makes a label that nobody else has.
func (c *Code) Next(what string) string {
	c.jumps++
	return fmt.Sprintf("%s_%d", what, c.jumps)
}

// Read copies size bytes at base+off into our memory; 0 where they cannot be read. R0 is 0 if they could.
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

// Write gives size bytes of our memory to the reader.
func (c *Code) Write(from, size int32) {
	c.Add(
		asm.LoadMem(asm.R1, asm.R6, c.Seq, asm.DWord),
		asm.Mov.Reg(asm.R2, asm.R6), asm.Add.Imm(asm.R2, from),
		asm.Mov.Imm(asm.R3, size),
		asm.FnSeqWrite.Call(),
	)
}

// Loop calls a function with our memory as often as R1 says.
func (c *Code) Loop(function string) {
	c.Add(
		asm.Instruction{OpCode: asm.LoadImmOp(asm.DWord), Dst: asm.R2, Src: asm.PseudoFunc,
			Constant: -1}.WithReference(function),
		asm.Mov.Reg(asm.R3, asm.R6),
		asm.Mov.Imm(asm.R4, 0),
		asm.FnLoop.Call(),
	)
}

// GoOn and Stop end a loop's body; GoOn the program as well.
func (c *Code) GoOn() { c.Add(asm.Mov.Imm(asm.R0, 0), asm.Return()) }

// Stop: see GoOn.
func (c *Code) Stop() { c.Add(asm.Mov.Imm(asm.R0, 1), asm.Return()) }
