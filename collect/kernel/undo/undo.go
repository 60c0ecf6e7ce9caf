package undo

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/ipctop/ipctop/collect/kernel/bpf"
	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// Undo is a process's SEM_UNDO adjustments for one set. When the process ends, the kernel adds Adj to the semaphores
// (man 2 semop).
//
// Processes that share one list (clone with CLONE_SYSVSEM) have one Undo each. The kernel applies the list when the
// last of them ends. A thread may have its own list (unshare with CLONE_SYSVSEM), so a process may have two Undos for
// one set. The list ends as soon as the process exits (exit_sem in ipc/sem.c), even if it stays a zombie.
type Undo struct {
	PID   int    // the process, in the reader's pid namespace
	Start uint64 // start time in clock ticks since boot, like /proc/PID/stat
	Comm  string
	IPCNS uint64 // inode of SemID's IPC namespace
	SemID int
	Adj   []SemAdj // ascending by semaphore; none is 0
}

// SemAdj is semadj of one semaphore. An operation of −2 leaves +2: a number above 0 is the amount that the process
// took.
type SemAdj struct {
	Num uint16 // the semaphore's number in the set
	Adj int16
}

// ErrNoUndos means that ipctop cannot read SEM_UNDO on this kernel. The kernel has no type information (BTF), is
// older than 5.17, or refuses the program.
var ErrNoUndos = errors.New("SEM_UNDO cannot be read on this kernel")

// Reader lists the SEM_UNDO adjustments of every process of the reader's pid namespace. The kernel runs a BPF program
// over all tasks (Documentation/bpf/bpf_iterators.rst). The program follows each task's list. It ends with the
// reader's descriptors; nothing is pinned or left behind. Only one goroutine at a time may use a Reader.
type Reader struct {
	tasks *bpf.Iterator
	// timeNS is the offset of our time namespace. /proc adds it to start times (man 7 time_namespaces).
	timeNS time.Duration
}

// Open loads the program, in 13 milliseconds. fs.ErrPermission: Open needs CAP_BPF and CAP_PERFMON in the first
// user namespace (man 7 capabilities), or a sandbox refuses bpf(2). ErrNoUndos: this kernel cannot.
func Open(root sys.Root) (*Reader, error) {
	if err := bpf.Ready(root, "SEM_UNDO", ErrNoUndos); err != nil {
		return nil, err
	}
	tasks, err := bpf.OpenIterator("ipctop_undo", "task", assemble)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoUndos, err)
	}
	return &Reader{tasks: tasks, timeNS: sys.TimeOffset(root)}, nil
}

// Close ends the program in the kernel.
func (r *Reader) Close() error { return r.tasks.Close() }

// Undos reads the adjustments of every process of our pid namespace, by process and set. Processes change them
// meanwhile: an operation on several semaphores may be half done. complete is false if a process has too many
// adjustments for one read (thousands of semaphores). It is also false if a list changed during the read. Then there
// may be more adjustments.
func (r *Reader) Undos() (undos []Undo, complete bool, err error) {
	text, err := r.tasks.Run()
	if err != nil {
		return nil, false, fmt.Errorf("read SEM_UNDO: %w", err)
	}
	tasks, err := parseUndos(text)
	if err != nil {
		return nil, false, fmt.Errorf("read SEM_UNDO: %w", err)
	}
	return r.group(tasks)
}

// group makes one Undo for each process, list and set. Threads of pthread_create share one list (CLONE_SYSVSEM).
func (r *Reader) group(tasks []undoTask) (undos []Undo, complete bool, err error) {
	type owner struct {
		pid  int32
		list uint64
	}
	seen, self := map[owner]bool{}, false
	complete = true
	for _, t := range tasks {
		self = self || int(t.PID) == os.Getpid()
		if t.PID <= 0 || t.List == 0 || seen[owner{t.PID, t.List}] {
			continue
		}
		seen[owner{t.PID, t.List}] = true
		complete = complete && !t.truncated
		undos = append(undos, t.undos(r.timeNS)...)
	}
	slices.SortStableFunc(undos, func(a, b Undo) int {
		return cmp.Or(cmp.Compare(a.PID, b.PID), cmp.Compare(a.IPCNS, b.IPCNS), cmp.Compare(a.SemID, b.SemID))
	})
	if !self { // the program always writes the reading thread: without it, the program read nothing
		return nil, false, fmt.Errorf("%w: the kernel's task iterator did not show the reader itself", ErrNoUndos)
	}
	return undos, complete, nil
}

// undoTask is the program's output for one task: a header, pairs of semaphore and adjustment, an end.
type undoTask struct {
	undoHeader
	entries   []undoEntry
	truncated bool
}

// undoHeader is the program's memory from hdrList on.
type undoHeader struct {
	List     uint64 // address of the sem_undo_list, used only as an identity; 0: the task has none
	Start    uint64 // nanoseconds of CLOCK_BOOTTIME
	IPCNS    uint32
	PID, TID int32
	_        uint32
	Comm     [16]byte
}

// undoEntry is one adjustment. SemID −1 ends a task. Num is then not 0 if the output lacks a part.
type undoEntry struct {
	SemID int32
	Num   uint16
	Adj   int16
}

// parseUndos reads the program's output. The kernel writes the output of a task as a whole.
func parseUndos(text []byte) ([]undoTask, error) {
	var tasks []undoTask
	for len(text) > 0 {
		var t undoTask
		n, err := binary.Decode(text, binary.NativeEndian, &t.undoHeader)
		if err != nil {
			return nil, fmt.Errorf("a task of %d bytes: %w", len(text), io.ErrUnexpectedEOF)
		}
		for text = text[n:]; ; {
			var e undoEntry
			n, err := binary.Decode(text, binary.NativeEndian, &e)
			if err != nil {
				return nil, fmt.Errorf("no end of task %d: %w", t.TID, io.ErrUnexpectedEOF)
			}
			if text = text[n:]; e.SemID < 0 {
				t.truncated = e.Num != 0
				break
			}
			t.entries = append(t.entries, e)
		}
		tasks = append(tasks, t)
	}
	return tasks, nil
}

// undos are the task's adjustments by set. The program writes the adjustments of a set one after the other.
func (t *undoTask) undos(timeNS time.Duration) []Undo {
	comm, _, _ := bytes.Cut(t.Comm[:], []byte{0})
	var list []Undo
	for _, e := range t.entries {
		if n := len(list); n == 0 || list[n-1].SemID != int(e.SemID) {
			list = append(list,
				Undo{PID: int(t.PID), Start: sys.StartTicks(t.Start, timeNS),
					Comm: string(comm), IPCNS: uint64(t.IPCNS), SemID: int(e.SemID)})
		}
		last := &list[len(list)-1]
		last.Adj = append(last.Adj, SemAdj{e.Num, e.Adj})
	}
	return list
}
