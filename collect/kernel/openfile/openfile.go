package openfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/bpf"
	"github.com/ipctop/ipctop/collect/kernel/fdinfo"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/vfs"
)

// Class is the sort of an open file, by its file system.
type Class uint16

const (
	Socket Class = iota + 1
	Pipe         // without a name; a FIFO is Plain
	Anon         // an anonymous inode: File.Name is its name in the link, with its brackets
	Named        // its file system makes up its name (d_dname in d_path, fs/d_path.c): File.Name is the system's type
	Plain        // any other file, with a path: File.Name is the type of its file system
)

// The parts of a record.
const (
	atIno      = 0
	atStart    = 8
	atTable    = 16
	atPID      = 24
	atTID      = 28
	atFD       = 32
	atFMode    = 36
	atMode     = 40
	atClass    = 42
	atDev      = 44
	atRdev     = 48
	atLength   = 52 // of the path behind the record, with a 0 at its end; 0: there is none
	atName     = 56
	atQueued   = atName // of a pipe, which has no name
	atSlots    = atName + 4
	atReaders  = atName + 8
	atWriters  = atName + 12
	nameSize   = 24
	recordSize = atName + nameSize
)

// File is the program's record of one descriptor.
type File []byte

func (f File) u32(at int) uint32 { return binary.NativeEndian.Uint32(f[at:]) }
func (f File) u64(at int) uint64 { return binary.NativeEndian.Uint64(f[at:]) }

// FD is the descriptor's number.
func (f File) FD() int32 { return int32(f.u32(atFD)) }

// Ino is the inode number.
func (f File) Ino() uint64 { return f.u64(atIno) }

// ID is the identity of the file. Some file systems, such as btrfs and overlay, give stat(2) other numbers: see Stated.
func (f File) ID() vfs.FileID {
	return vfs.FileID{Dev: f.device(atDev), Ino: f.Ino(), Mode: uint32(binary.NativeEndian.Uint16(f[atMode:])),
		Rdev: f.device(atRdev)}
}

// device is a dev_t of the kernel: 12 bits of major, 20 of minor number (include/linux/kdev_t.h).
func (f File) device(at int) uint64 {
	dev := f.u32(at)
	return unix.Mkdev(dev>>20, dev&(1<<20-1))
}

// Path is the text of the link in /proc/PID/fd, as the reader sees it. It is empty if the program did not read paths,
// or the path has more than 255 bytes.
func (f File) Path() []byte { return bytes.TrimSuffix(f[recordSize:], []byte{0}) }

// Class is the sort of the file.
func (f File) Class() Class { return Class(binary.NativeEndian.Uint16(f[atClass:])) }

func (f File) pathLength() int { return int(min(f.u32(atLength), pathSize)) }

// Access is the open mode: FMODE_READ and FMODE_WRITE (include/linux/fs.h). The link in /proc/PID/fd shows the same.
func (f File) Access() fdinfo.Access { return fdinfo.Access(f.u32(atFMode) & 3) }

// Table is the address of the table of descriptors. Threads with the same address share the table.
func (f File) Table() uint64 { return f.u64(atTable) }

// Name is the name of an Anon file, or the type of the file system. It has at most 23 bytes; a longer name is cut.
func (f File) Name() []byte {
	name, _, _ := bytes.Cut(f[atName:recordSize], []byte{0})
	return name
}

// Pipe is the state of a Pipe. Its bytes are those of FIONREAD (pipe(7)), its capacity that of F_GETPIPE_SZ (fcntl(2)).
func (f File) Pipe() process.PipeState {
	return process.PipeState{NoReaders: f.u32(atReaders) == 0, NoWriters: f.u32(atWriters) == 0,
		Queued: int(f.u32(atQueued)), Capacity: int(f.u32(atSlots)) * unix.Getpagesize()}
}

// HasPath is true if the link of the descriptor shows a path. The made up name of a memfd looks like a path, too
// (simple_dname in fs/d_path.c).
func (f File) HasPath() bool {
	if f.Class() == Named {
		name := string(f.Name())
		return name == "tmpfs" || name == "hugetlbfs"
	}
	return f.Class() == Plain
}

// Stated is true if stat(2) gives the numbers of ID on this file system: the file system leaves both to the kernel
// (generic_fillattr in fs/stat.c).
func (f File) Stated() bool {
	switch string(f.Name()) {
	case "tmpfs", "devtmpfs", "devpts", "mqueue", "hugetlbfs", "ramfs", "ext2", "ext3", "ext4", "xfs":
		return true
	}
	return false
}

// Table holds the descriptors of all threads of the reader's pid namespace that have a table of their own. Other
// threads share the table of the first thread of their process.
type Table struct {
	text    []byte
	threads map[int32]span
	own     map[int32][]int32 // by process: other threads than the first, with a table of their own
	timeNS  time.Duration     // the offset of the reader's time namespace
}

type span struct{ from, to int }

// Files are the descriptors of a thread, in ascending order of numbers. start is the start time of its process as in
// /proc/PID/stat. If another process had the number when the program ran, ok is false. ok is also false for a thread
// without open files.
func (t *Table) Files(tid int, start uint64) (files Files, ok bool) {
	s, ok := t.threads[int32(tid)]
	if !ok {
		return nil, false
	}
	files = Files(t.text[s.from:s.to])
	return files, sys.StartTicks(files.First().u64(atStart), t.timeNS) == start
}

// OwnTables lists the threads of a process, other than the first, that have descriptors in another table than the first
// thread.
func (t *Table) OwnTables(pid int) []int32 { return t.own[int32(pid)] }

// All lists the descriptors of all threads.
func (t *Table) All() Files { return Files(t.text) }

// Pipes are the states of the open pipes without a name, by inode number.
func (t *Table) Pipes() map[uint64]process.PipeState {
	pipes := map[uint64]process.PipeState{}
	for f := range t.All().Each {
		if f.Class() == Pipe {
			pipes[f.Ino()] = f.Pipe()
		}
	}
	return pipes
}

// Files is a list of descriptors.
type Files []byte

// Each visits the descriptors.
func (f Files) Each(visit func(File) bool) {
	for len(f) > 0 {
		first := f.First()
		if f = f[len(first):]; !visit(first) {
			return
		}
	}
}

// Count counts the descriptors of some classes.
func (f Files) Count(of func(Class) bool) (n int) {
	for file := range f.Each {
		if of(file.Class()) {
			n++
		}
	}
	return n
}

// First is the first descriptor.
func (f Files) First() File {
	return File(f[:recordSize+File(f).pathLength()])
}

// Table is the address of the table that the descriptors are in.
func (f Files) Table() uint64 { return f.First().Table() }

// ErrNone means that this kernel cannot. It has no type information (BTF), is older than 5.17, or refuses the program.
var ErrNone = errors.New("this kernel does not list open files by BPF")

// Reader lists the open files. Its programs end with the reader's descriptors. Only one goroutine at a time may use a
// Reader.
type Reader struct {
	files, withPaths *bpf.Iterator // nil: not loaded yet
	timeNS           time.Duration
	text             []byte // of the last Read
}

// Open checks the rights. fs.ErrPermission: Open needs CAP_BPF and CAP_PERFMON in the first user namespace (man 7
// capabilities), or a sandbox refuses bpf(2). ErrNone: this kernel has no bpf(2).
func Open(root sys.Root) (*Reader, error) {
	if err := bpf.Ready(root, "open files", ErrNone); err != nil {
		return nil, err
	}
	return &Reader{timeNS: sys.TimeOffset(root)}, nil
}

// load loads a program at its first use.
func load(program **bpf.Iterator, paths bool) (err error) {
	if *program != nil {
		return nil
	}
	*program, err = bpf.OpenIterator("ipctop_files", "task_file",
		func(types *bpf.Layout) asm.Instructions { return assemble(types, paths) })
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNone, err)
	}
	return nil
}

// Close ends the programs in the kernel.
func (r *Reader) Close() error {
	var err error
	for _, program := range []*bpf.Iterator{r.files, r.withPaths} {
		if program != nil {
			err = errors.Join(err, program.Close())
		}
	}
	return err
}

// Read lists the open files, with their paths if asked for. The kernel reads each thread for itself, while all others
// go on. The Table is valid until the next Read. ErrNone: this kernel cannot.
func (r *Reader) Read(paths bool) (*Table, error) {
	program := &r.files
	if paths {
		program = &r.withPaths
	}
	if err := load(program, paths); err != nil {
		return nil, err
	}
	text, err := (*program).RunInto(r.text)
	if err != nil {
		return nil, fmt.Errorf("list open files: %w", err)
	}
	r.text = text
	t, err := index(text)
	if err == nil {
		t.timeNS = r.timeNS
	}
	return t, err
}

// index finds the descriptors of each thread in the program's output.
func index(text []byte) (*Table, error) {
	t := &Table{text: text, threads: map[int32]span{}, own: map[int32][]int32{}}
	var last int32
	for from, to := 0, 0; from < len(text); from = to {
		if len(text)-from >= recordSize {
			to = from + recordSize + File(text[from:]).pathLength()
		}
		if to <= from || to > len(text) {
			return nil, fmt.Errorf("list open files: a record of %d bytes: %w", len(text)-from, io.ErrUnexpectedEOF)
		}
		f := File(text[from:to])
		tid := int32(f.u32(atTID))
		s := span{from, to}
		if from > 0 && tid == last {
			s.from = t.threads[tid].from
		} else if pid := int32(f.u32(atPID)); pid != tid {
			t.own[pid] = append(t.own[pid], tid)
		}
		t.threads[tid], last = s, tid
	}
	return t, nil
}
