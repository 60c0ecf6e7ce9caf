package task

import "unsafe"

// registers are those at the entry of a system call (struct pt_regs).
type registers struct {
	Args            [6]uint64
	NR, SP, PC      uint64
	Mode, CompactSP uint64 // the mode of the processor, and the stack pointer of a 32-bit program
}

// registerReads reads the registers at the entry of a system call (syscall_get_arguments and syscall_get_nr in
// arch/arm64/include/asm/syscall.h).
func registerReads(regs in, r *record) (reads []read) {
	base := unsafe.Offsetof(r.Regs)
	general := regs.Offset("pt_regs", "regs")
	reads = append(reads, regs.read(base+unsafe.Offsetof(r.Regs.Args), 8, "orig_x0"))
	for i := range 5 {
		reads = append(reads, read{base + unsafe.Offsetof(r.Regs.Args) + 8*uintptr(i+1), 8, general + 8*int32(i+1)})
	}
	return append(reads,
		regs.read(base+unsafe.Offsetof(r.Regs.NR), 4, "syscallno"),
		regs.read(base+unsafe.Offsetof(r.Regs.SP), 8, "sp"),
		regs.read(base+unsafe.Offsetof(r.Regs.PC), 8, "pc"),
		regs.read(base+unsafe.Offsetof(r.Regs.Mode), 8, "pstate"),
		read{base + unsafe.Offsetof(r.Regs.CompactSP), 8, general + 8*13}) // compat_sp in asm/ptrace.h
}

// stackPointer is the stack pointer of the program (user_stack_pointer in arch/arm64/include/asm/ptrace.h).
func (r *registers) stackPointer() uint64 {
	const mode32 = 0x10 // PSR_MODE32_BIT
	if r.Mode&mode32 != 0 {
		return r.CompactSP
	}
	return r.SP
}
