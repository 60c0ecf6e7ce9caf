package bpf

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"runtime"
	"unsafe"

	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"
)

// Of cilium/ebpf this package uses only the assembler. Its packages that load and attach programs would make every
// start of ipctop a tenth slower, even without a program. Its reader of types takes 25 milliseconds for a program.

// progLoadAttr, linkCreateAttr and iterCreateAttr are parts of union bpf_attr (include/uapi/linux/bpf.h).
type progLoadAttr struct {
	progType, insnCount uint32
	insns, license      unsafe.Pointer
	_                   [6]uint32 // log_level, log_size, log_buf, kern_version, prog_flags
	name                [16]byte
	_                   uint32 // prog_ifindex
	attachType          uint32
	btfFD, funcInfoSize uint32
	funcInfo            unsafe.Pointer
	funcInfoCount       uint32
	_                   [4]uint32 // line_info_rec_size, line_info, line_info_cnt
	attachBTFID         uint32
	_                   [2]uint32 // attach_btf_obj_fd, core_relo_cnt
}

type linkCreateAttr struct{ progFD, _, attachType, _ uint32 } // target_fd, flags

type iterCreateAttr struct{ linkFD, _ uint32 } // flags

func call[T any](command int, attr *T) (int, error) {
	n, _, errno := unix.Syscall(unix.SYS_BPF, uintptr(command), uintptr(unsafe.Pointer(attr)), unsafe.Sizeof(*attr))
	if errno != 0 {
		return -1, errno
	}
	return int(n), nil
}

// load loads a program for an iterator. target is the id of the kernel function whose arguments are the iterator's
// context.
func load(name string, target uint32, code asm.Instructions) (int, error) {
	types, functions := functionTypes(code)
	typesFD, err := loadTypes(types)
	if err != nil {
		return -1, fmt.Errorf("types of the BPF program: %w", err)
	}
	defer unix.Close(typesFD) // the program keeps them
	var text bytes.Buffer
	text.Grow(len(code) * asm.InstructionSize * 2)
	if err := code.Marshal(&text, binary.LittleEndian); err != nil {
		return -1, fmt.Errorf("assemble the BPF program: %w", err)
	}
	license := []byte("GPL\x00") // bpf_probe_read_kernel and bpf_seq_write need a GPL program
	attr := progLoadAttr{progType: unix.BPF_PROG_TYPE_TRACING, attachType: unix.BPF_TRACE_ITER, attachBTFID: target,
		insnCount: uint32(text.Len() / asm.InstructionSize), insns: unsafe.Pointer(&text.Bytes()[0]),
		license: unsafe.Pointer(&license[0]),
		btfFD:   uint32(typesFD), funcInfoSize: funcInfoSize, funcInfo: unsafe.Pointer(&functions[0]),
		funcInfoCount: uint32(len(functions)) * 4 / funcInfoSize}
	copy(attr.name[:], name)
	fd, err := call(unix.BPF_PROG_LOAD, &attr)
	runtime.KeepAlive(text)
	if err != nil {
		return -1, fmt.Errorf("load the BPF program: %w", err)
	}
	return fd, nil
}

// funcInfoSize is the size of struct bpf_func_info.
const funcInfoSize = 8
