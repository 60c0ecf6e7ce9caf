package bpf

import (
	"fmt"
	"os"
	"runtime"
	"slices"

	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"
)

// Iterator is a program that the kernel runs over all objects of a kind (Documentation/bpf/bpf_iterators.rst). It
// ends with its descriptor; nothing is pinned or left behind. Only one goroutine at a time may use an Iterator.
type Iterator struct {
	kind string
	link *os.File // man 2 bpf: BPF_LINK_CREATE. It keeps the program loaded
	last int      // the length of the last output of Run
}

// OpenIterator loads a program and attaches it to the iterator over a kind of objects: "task", "task_file". assemble
// gets the running kernel's structures and returns the program. For several programs, Types.OpenIterator reads the
// structures once.
func OpenIterator(name, kind string, assemble func(*Layout) asm.Instructions) (*Iterator, error) {
	types, err := OpenTypes()
	if err != nil {
		return nil, err
	}
	defer types.Close()
	return types.OpenIterator(name, kind, assemble)
}

// OpenIterator loads a program as the function OpenIterator does.
func (t *Types) OpenIterator(name, kind string, assemble func(*Layout) asm.Instructions) (*Iterator, error) {
	target, err := t.iterator(kind)
	if err != nil {
		return nil, err
	}
	layout := &Layout{types: t}
	code := assemble(layout)
	if layout.err != nil {
		return nil, layout.err
	}
	prog, err := load(name, target, code)
	if err != nil {
		return nil, err
	}
	defer unix.Close(prog)
	link, err := call(unix.BPF_LINK_CREATE, &linkCreateAttr{progFD: uint32(prog), attachType: unix.BPF_TRACE_ITER})
	if err != nil {
		return nil, fmt.Errorf("attach to the %s iterator: %w", kind, err)
	}
	return &Iterator{kind: kind, link: os.NewFile(uintptr(link), "bpf_link")}, nil
}

// Run runs the program over all objects and returns its output. The kernel writes the output for one object as a
// whole.
func (i *Iterator) Run() ([]byte, error) {
	text, err := i.RunInto(make([]byte, 0, i.last+i.last/8+runBuffer))
	i.last = len(text)
	return text, err
}

// runBuffer is the size of the kernel's own buffer, which a read empties (kernel/bpf/bpf_iter.c: PAGE_SIZE << 3, with
// pages of 4 KiB).
const runBuffer = 32 << 10

// RunInto is like Run. It writes the output into buf, whose old content is lost, or into a larger buffer. A caller
// that gives the output back as the next buffer makes no garbage.
func (i *Iterator) RunInto(buf []byte) ([]byte, error) {
	fd, err := call(unix.BPF_ITER_CREATE, &iterCreateAttr{linkFD: uint32(i.link.Fd())})
	runtime.KeepAlive(i.link)
	if err != nil {
		return nil, fmt.Errorf("begin the %s iterator: %w", i.kind, err)
	}
	defer unix.Close(fd)
	for buf = buf[:0]; ; {
		if cap(buf)-len(buf) < runBuffer {
			buf = slices.Grow(buf, max(runBuffer, len(buf))) // twice the size: Grow alone copies a large buffer often
		}
		n, err := unix.Read(fd, buf[len(buf):cap(buf)]) // reading runs the program
		switch {
		case err == unix.EINTR || err == unix.EAGAIN: // EAGAIN: a million objects without any output
		case err != nil:
			return nil, fmt.Errorf("read the %s iterator: %w", i.kind, err)
		case n == 0:
			return buf, nil
		default:
			buf = buf[:len(buf)+n]
		}
	}
}

// Close ends the program in the kernel.
func (i *Iterator) Close() error { return i.link.Close() }
