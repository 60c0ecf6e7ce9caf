package bpf

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"runtime"
	"unsafe"

	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"
)

// Of cilium/ebpf this package uses only the assembler and the reader of types. The packages that load and attach
// programs would make every start of ipctop a tenth slower, even without a program.

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

// load loads a program for an iterator. target is the kernel function whose arguments are the iterator's context.
func load(name, target string, types *btf.Spec, code asm.Instructions) (int, error) {
	var context *btf.Func
	if err := types.TypeByName(target, &context); err != nil {
		return -1, fmt.Errorf("the kernel's iterator %s: %w", target, err)
	}
	id, err := types.TypeID(context)
	if err != nil {
		return -1, fmt.Errorf("the kernel's iterator %s: %w", target, err)
	}
	var own btf.Builder
	functions, _, err := btf.MarshalExtInfos(code, &own)
	if err != nil {
		return -1, fmt.Errorf("types of the BPF program: %w", err)
	}
	handle, err := btf.NewHandle(&own)
	if err != nil {
		return -1, fmt.Errorf("types of the BPF program: %w", err)
	}
	defer handle.Close()
	var text bytes.Buffer
	if err := code.Marshal(&text, binary.LittleEndian); err != nil {
		return -1, fmt.Errorf("assemble the BPF program: %w", err)
	}
	license := []byte("GPL\x00") // bpf_probe_read_kernel and bpf_seq_write need a GPL program
	attr := progLoadAttr{progType: unix.BPF_PROG_TYPE_TRACING, attachType: unix.BPF_TRACE_ITER, attachBTFID: uint32(id),
		insnCount: uint32(text.Len() / asm.InstructionSize), insns: unsafe.Pointer(&text.Bytes()[0]),
		license: unsafe.Pointer(&license[0]),
		btfFD:   uint32(handle.FD()), funcInfoSize: btf.FuncInfoSize, funcInfo: unsafe.Pointer(&functions[0]),
		funcInfoCount: uint32(len(functions)) / btf.FuncInfoSize}
	copy(attr.name[:], name)
	fd, err := call(unix.BPF_PROG_LOAD, &attr)
	runtime.KeepAlive(text)
	if err != nil {
		return -1, fmt.Errorf("load the BPF program: %w", err)
	}
	return fd, nil
}
