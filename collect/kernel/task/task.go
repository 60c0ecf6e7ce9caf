package task

import (
	"errors"
	"fmt"
	"os"
	"time"
	"unsafe"

	"github.com/cilium/ebpf/asm"
	"github.com/ipctop/ipctop/collect/kernel/bpf"
	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// Fact is a set of facts that a kernel's structures may not give.
type Fact uint8

const (
	Times      Fact = 1 << iota // ProcStat.UTime and STime
	TTY                         // ProcStat.TTY
	RSS                         // ProcStat.RSS
	Namespaces                  // the inodes of some types of namespaces
	// IDs are user and group ids. /proc maps them into the user namespace of its reader; the structures have those of
	// the first one.
	IDs
)

// ErrNone means that this kernel gives no records: it has no type information (BTF), is older than 5.15, refuses the
// program, or shows another pid namespace in /proc than the reader's own.
var ErrNone = errors.New("this kernel does not give tasks to a BPF program")

// Reader reads all threads of the reader's pid namespace. Its program ends with the reader's descriptors. Only one
// goroutine at a time may use a Reader.
type Reader struct {
	tasks  *bpf.Iterator
	lacks  Fact
	timeNS time.Duration // offset of our time namespace: /proc adds it to start times (man 7 time_namespaces)
	self   int           // the reader's pid
	buf    []byte
}

// Open loads the program, in 6 milliseconds. fs.ErrPermission: Open needs CAP_BPF and CAP_PERFMON in the first user
// namespace (man 7 capabilities), or a sandbox refuses bpf(2). ErrNone: this kernel cannot.
func Open(root sys.Root) (*Reader, error) {
	if err := bpf.Ready(root, "tasks", ErrNone); err != nil {
		return nil, err
	}
	if err := sys.CheckPIDs(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNone, err)
	}
	r := &Reader{self: os.Getpid(), timeNS: sys.TimeOffset(root)}
	first, err := inFirstUserSpace(root)
	if err != nil {
		return nil, err
	}
	r.tasks, err = bpf.OpenIterator("ipctop_task", "task", func(l *bpf.Layout) asm.Instructions {
		found := readLayout(l)
		r.lacks = found.lacks
		return assemble(found)
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNone, err)
	}
	if !first {
		r.lacks |= IDs
	}
	return r, nil
}

// inFirstUserSpace tells if the reader is in the first user namespace, whose inode is fixed (PROC_USER_INIT_INO in
// include/linux/proc_ns.h).
func inFirstUserSpace(root sys.Root) (bool, error) {
	link, err := root.Readlink("/proc/self/ns/user")
	if err != nil {
		return false, fmt.Errorf("the reader's user namespace: %w", err)
	}
	return link == "user:[4026531837]", nil
}

// Close ends the program in the kernel.
func (r *Reader) Close() error { return r.tasks.Close() }

// Lacks are the facts that this reader does not give. They are those of /proc.
func (r *Reader) Lacks() Fact { return r.lacks }

// Read reads all threads. Each thread is read for itself, while all others go on. The result is valid until the next
// Read. It costs 2 microseconds a thread.
func (r *Reader) Read() (*Tasks, error) {
	text, err := r.tasks.RunInto(r.buf)
	if err != nil {
		return nil, fmt.Errorf("read tasks: %w", err)
	}
	r.buf = text
	records, err := parse(text)
	if err != nil {
		return nil, err
	}
	t := &Tasks{records: records, timeNS: r.timeNS, lacks: r.lacks}
	t.arrange()
	if !t.Has(r.self) { // else the program read nothing
		return nil, fmt.Errorf("%w: the task iterator did not show the reader itself", ErrNone)
	}
	return t, nil
}

// parse finds the records in the program's output.
func parse(text []byte) ([]record, error) {
	const size = int(unsafe.Sizeof(record{}))
	if len(text)%size != 0 {
		return nil, fmt.Errorf("read tasks: the last record has %d bytes of %d", len(text)%size, size)
	}
	if len(text) == 0 {
		return nil, nil
	}
	if at := unsafe.Pointer(&text[0]); uintptr(at)%unsafe.Alignof(record{}) == 0 {
		return unsafe.Slice((*record)(at), len(text)/size), nil
	}
	records := make([]record, len(text)/size)
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&records[0])), len(text)), text)
	return records, nil
}
