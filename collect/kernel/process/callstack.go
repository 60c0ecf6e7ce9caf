package process

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"runtime"
	"strconv"
	"strings"

	"github.com/ipctop/ipctop/collect/kernel/scan"
	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// KernelStack lists the kernel's functions that a sleeping thread is in, the innermost first. The file is for root
// (proc_pid_stack in fs/proc/base.c); on kernels without CONFIG_STACKTRACE it is missing.
func (p Dir) KernelStack(tid int, buf []byte) ([]string, error) {
	text, err := p.Read("task/"+strconv.Itoa(tid)+"/stack", buf)
	if err != nil {
		return nil, err
	}
	return ParseKernelStack(text), nil
}

// ParseKernelStack reads lines as "[<0>] do_semtimedop+0x1e5/0x6a0 [module]". It leaves out the entry from user space.
func ParseKernelStack(text []byte) (functions []string) {
	for line := range bytes.Lines(text) {
		_, rest, ok := bytes.Cut(line, []byte("] "))
		if !ok {
			continue
		}
		name, _, _ := bytes.Cut(bytes.TrimSpace(rest), []byte("+"))
		if n := string(name); n != "" && n != "do_syscall_64" && !strings.HasPrefix(n, "entry_SYSCALL") &&
			!strings.HasPrefix(n, "el0") {
			functions = append(functions, n)
		}
	}
	return functions
}

// Text is an executable mapping of the program's own file, and not of a library.
type Text struct {
	Start, End uint64 // addresses
	Offset     uint64 // of Start in the file
	Dev, Ino   uint64
}

// ProgramText lists the executable mappings of a process's program. exe is the target of its link exe.
func (p Dir) ProgramText(exe string, buf []byte) ([]Text, error) {
	text, err := p.Read("maps", buf)
	if err != nil {
		return nil, err
	}
	return parseProgramText(text, exe)
}

func parseProgramText(text []byte, exe string) (list []Text, err error) {
	for line := range bytes.Lines(text) {
		f := scan.Fields{Rest: line}
		span, perms := f.Next(), f.Next()
		offset, err := strconv.ParseUint(string(f.Next()), 16, 64)
		dev, ino := f.Next(), f.Uint()
		if f.Bad || err != nil || len(perms) != 4 {
			return list, scan.ErrShort
		}
		if perms[2] != 'x' || strings.TrimSuffix(string(bytes.TrimLeft(f.Rest, " \t")), "\n") != exe {
			continue
		}
		t := Text{Offset: offset, Ino: ino}
		major, minor, ok := scan.HexPair(dev, ':')
		t.Dev = major<<32 | minor
		var spanOK bool
		if t.Start, t.End, spanOK = scan.HexPair(span, '-'); !ok || !spanOK {
			return list, scan.ErrShort
		}
		list = append(list, t)
	}
	return list, nil
}

const (
	searchedStack = 16 << 10 // bytes of a stack, from the thread's stack pointer on
	mostSites     = 64
)

// CallSites are the places of the program that probably led to the call, the innermost first, as offsets in the
// program's file. They are the addresses on the stack that follow a call instruction. A value that an earlier call left
// there looks the same. The walk needs no frame pointers and no tables for unwinding. It reads memory, and changes
// nothing. It needs the right to ptrace the process. ErrOtherCall: the thread has gone on meanwhile.
func (p Dir) CallSites(c BlockedCall, texts []Text) (offsets []uint64, err error) {
	if len(texts) == 0 || c.SP == 0 {
		return nil, nil
	}
	add := func(addr uint64) {
		if t := textOf(texts, addr); t != nil && len(offsets) < mostSites {
			offsets = append(offsets, addr-t.Start+t.Offset)
		}
	}
	add(c.PC)
	stack := make([]byte, searchedStack)
	n, err := p.readUpTo(c.TID, c.SP&^7, stack)
	if err != nil {
		return nil, err
	}
	var before [8]byte
	for at := 0; at+8 <= n && len(offsets) < mostSites; at += 8 {
		addr := binary.NativeEndian.Uint64(stack[at:])
		t := textOf(texts, addr)
		if t == nil || addr-t.Start < uint64(len(before)) {
			continue
		}
		if p.readMemory(c.TID, addr-uint64(len(before)), before[:]) == nil && endsInCall(before) {
			add(addr - 1) // inside the call instruction: the next may belong to another line or function
		}
	}
	return offsets, p.checkCall(c)
}

func textOf(texts []Text, addr uint64) *Text {
	for i := range texts {
		if t := &texts[i]; t.Start <= addr && addr < t.End {
			return t
		}
	}
	return nil
}

// readUpTo reads memory page by page, as far as it is mapped.
func (p Dir) readUpTo(tid int, addr uint64, into []byte) (n int, err error) {
	if !p.live {
		return 0, fmt.Errorf("read the stack of %d: %w", tid, sys.ErrNotLive)
	}
	const page = 4096
	for n < len(into) {
		size := min(len(into)-n, page-int((addr+uint64(n))%page))
		if err := p.readMemory(tid, addr+uint64(n), into[n:n+size]); err != nil {
			if n > 0 {
				return n, nil
			}
			return 0, err
		}
		n += size
	}
	return n, nil
}

// endsInCall reports true if the last of these bytes of code end a call instruction. On x86-64 it is E8 with a distance
// of four bytes, or FF /2 with its operand. On arm64 it is BL or BLR.
func endsInCall(b [8]byte) bool {
	if runtime.GOARCH == "arm64" {
		word := binary.LittleEndian.Uint32(b[4:])
		return word>>26 == 0x25 || word&0xfffffc1f == 0xd63f0000
	}
	if b[3] == 0xe8 {
		return true
	}
	for _, length := range []int{2, 3, 4, 6, 7} {
		op, operand := b[8-length], b[8-length+1]
		if op != 0xff || operand>>3&7 != 2 {
			continue
		}
		if mod := operand >> 6; mod == 3 && length == 2 || mod == 0 && (length == 2 || length == 3 || length == 6) ||
			mod == 1 && (length == 3 || length == 4) || mod == 2 && length >= 6 {
			return true
		}
	}
	return false
}
