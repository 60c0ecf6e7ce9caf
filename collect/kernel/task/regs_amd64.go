package task

import "unsafe"

// registers are those at the entry of a system call (struct pt_regs).
type registers struct {
	Args       [6]uint64
	NR, SP, PC uint64
}

// registerReads reads the registers at the entry of a system call (syscall_get_arguments and syscall_get_nr in
// arch/x86/include/asm/syscall.h).
func registerReads(regs in, r *record) (reads []read) {
	base := unsafe.Offsetof(r.Regs)
	for i, name := range []string{"di", "si", "dx", "r10", "r8", "r9"} {
		reads = append(reads, regs.read(base+unsafe.Offsetof(r.Regs.Args)+8*uintptr(i), 8, name))
	}
	return append(reads,
		regs.read(base+unsafe.Offsetof(r.Regs.NR), 8, "orig_ax"),
		regs.read(base+unsafe.Offsetof(r.Regs.SP), 8, "sp"),
		regs.read(base+unsafe.Offsetof(r.Regs.PC), 8, "ip"))
}

// stackPointer is the stack pointer of the program.
func (r *registers) stackPointer() uint64 { return r.SP }
