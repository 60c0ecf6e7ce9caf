package bpf

import (
	"encoding/binary"
	"unsafe"

	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"
)

// A program tells the kernel the types of its functions. The verifier accepts only a static function as a loop's body,
// which it knows from the types alone (check_ld_imm in kernel/bpf/verifier.c).

// function marks the first instruction of a function.
type function struct {
	name string
	body bool // the body of a loop. Otherwise it is the program's entry
}

// functionMark is the key of a function in the metadata of its first instruction.
type functionMark struct{}

// Types of every program, by id. FUNC types follow them.
const (
	typeNumber = 1 + iota // int
	typeIndex             // unsigned int
	typeMemory            // void *
	typeEntry             // int (void *ctx)
	typeBody              // int (unsigned int index, void *mem)
	firstFunction
)

// typeText writes types in the form of the kernel.
type typeText struct {
	types []uint32
	names []byte
}

func (t *typeText) name(name string) uint32 {
	at := len(t.names)
	t.names = append(append(t.names, name...), 0)
	return uint32(at)
}

func (t *typeText) add(name string, kind, count uint32, rest ...uint32) {
	at := uint32(0)
	if name != "" {
		at = t.name(name)
	}
	t.types = append(append(t.types, at, kind<<24|count), rest...)
}

func (t *typeText) text() (text []byte) {
	const header = 24
	size := uint32(4 * len(t.types))
	for _, word := range []uint32{0x1_eb9f, header, 0, size, size, uint32(len(t.names))} { // version 1
		text = binary.NativeEndian.AppendUint32(text, word)
	}
	for _, word := range t.types {
		text = binary.NativeEndian.AppendUint32(text, word)
	}
	return append(text, t.names...)
}

// functionTypes writes the types of a program's functions. info has two numbers for each function: the offset of its
// first instruction, and its type (struct bpf_func_info in include/uapi/linux/bpf.h).
func functionTypes(code asm.Instructions) (text []byte, info []uint32) {
	const signed = 1 << 24 // BTF_INT_SIGNED
	const static, global = 0, 1
	t := &typeText{names: []byte{0}}
	t.add("int", kindInt, 0, 4, signed|32)
	t.add("unsigned int", kindInt, 0, 4, 32)
	t.add("", kindPointer, 0, 0)
	t.add("", kindPrototype, 1, typeNumber, t.name("ctx"), typeMemory)
	t.add("", kindPrototype, 2, typeNumber, t.name("index"), typeIndex, t.name("mem"), typeMemory)
	for at := code.Iterate(); at.Next(); {
		f, ok := at.Ins.Metadata.Get(functionMark{}).(function)
		if !ok {
			continue
		}
		info = append(info, uint32(at.Offset), firstFunction+uint32(len(info)/2))
		if f.body {
			t.add(f.name, kindFunction, static, typeBody)
		} else {
			t.add(f.name, kindFunction, global, typeEntry)
		}
	}
	return t.text(), info
}

// btfLoadAttr is a part of union bpf_attr (include/uapi/linux/bpf.h).
type btfLoadAttr struct {
	text unsafe.Pointer
	_    uint64 // btf_log_buf
	size uint32
	_    [2]uint32 // btf_log_size, btf_log_level
}

func loadTypes(text []byte) (int, error) {
	return call(unix.BPF_BTF_LOAD, &btfLoadAttr{text: unsafe.Pointer(&text[0]), size: uint32(len(text))})
}
