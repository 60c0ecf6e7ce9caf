package bpf

import (
	"fmt"
	"io"
	"os"
	"runtime"

	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"
)

// Iterator is a program that the kernel runs over all objects of a kind (Documentation/bpf/bpf_iterators.rst). It
// ends with its descriptor; nothing is pinned or left behind.
type Iterator struct {
	kind string
	link *os.File // man 2 bpf: BPF_LINK_CREATE. It keeps the program loaded
}

// OpenIterator loads a program and attaches it to the iterator over a kind of objects: "task", "task_file". assemble
// gets the running kernel's structures and returns the program.
func OpenIterator(name, kind string, assemble func(*Layout) asm.Instructions) (*Iterator, error) {
	types, err := btf.LoadKernelSpec()
	if err != nil {
		return nil, fmt.Errorf("the kernel's types (BTF): %w", err)
	}
	layout := &Layout{spec: types}
	code := assemble(layout)
	if layout.err != nil {
		return nil, layout.err
	}
	prog, err := load(name, "bpf_iter_"+kind, types, code)
	if err != nil {
		return nil, err
	}
	defer unix.Close(prog)
	link, err := call(unix.BPF_LINK_CREATE, &linkCreateAttr{progFD: uint32(prog), attachType: unix.BPF_TRACE_ITER})
	if err != nil {
		return nil, fmt.Errorf("attach to the %s iterator: %w", kind, err)
	}
	return &Iterator{kind, os.NewFile(uintptr(link), "bpf_link")}, nil
}

// Run runs the program over all objects and returns its output. The kernel writes the output for one object as a
// whole.
func (i *Iterator) Run() ([]byte, error) {
	fd, err := call(unix.BPF_ITER_CREATE, &iterCreateAttr{linkFD: uint32(i.link.Fd())})
	runtime.KeepAlive(i.link)
	if err != nil {
		return nil, fmt.Errorf("begin the %s iterator: %w", i.kind, err)
	}
	f := os.NewFile(uintptr(fd), "bpf_iter")
	defer f.Close()
	return io.ReadAll(f) // reading runs the program
}

// Close ends the program in the kernel.
func (i *Iterator) Close() error { return i.link.Close() }
