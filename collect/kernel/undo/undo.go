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

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/bpf"
	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// Undo is what a process did to semaphores of one set with SEM_UNDO and has not taken back: when it ends, the kernel
// adds Adj to them (man 2 semop). Processes that share one list of adjustments (clone with CLONE_SYSVSEM) have it
// each: the kernel adds it when the last of them ends. A thread may have a list of its own (unshare with
// CLONE_SYSVSEM), so that a process may have two Undos for one set. A process has no list any more as soon as it
// exits (exit_sem in ipc/sem.c), even as a zombie.
type Undo struct {
	PID   int    // the process, as the reader's pid namespace has it
	Start uint64 // when it started, in clock ticks since boot, as /proc/PID/stat has it
	Comm  string
	IPCNS uint64 // inode of the IPC namespace that SemID is of
	SemID int
	Adj   []SemAdj // ascending by semaphore; none is 0
}

// SemAdj is semadj of one semaphore: +2 after an operation of −2, so that above 0 is what the process took.
type SemAdj struct {
	Num uint16 // the semaphore's place in the set
	Adj int16
}

// ErrNoUndos says that this kernel does not let SEM_UNDO be read: it has no type information (BTF), is older than
// 5.17, or refuses the program.
var ErrNoUndos = errors.New("SEM_UNDO cannot be read on this kernel")

// Reader lists the SEM_UNDO adjustments of every process of the reader's pid namespace. No system call and no file
// tells them: a BPF program, run over all tasks by the kernel (Documentation/bpf/bpf_iterators.rst), follows each
// one's list. It lives by the reader's descriptors; nothing is pinned or left behind. One goroutine at a time may use
// it.
type Reader struct {
	tasks *bpf.Iterator
	// timeNS is what /proc adds to start times for processes of our time namespace (man 7 time_namespaces).
	timeNS time.Duration
}

// Open loads the program, which takes 30 to 60 milliseconds. errors.Is(err, fs.ErrPermission): it takes CAP_BPF and
// CAP_PERFMON in the first user namespace (man 7 capabilities), or a sandbox refuses bpf(2). errors.Is(err,
// ErrNoUndos): this kernel cannot.
func Open(root sys.Root) (*Reader, error) {
	if !root.Live() {
		return nil, fmt.Errorf("SEM_UNDO: %w", sys.ErrNotLive)
	}
	err := bpf.Ask("SEM_UNDO")
	if err == unix.ENOSYS {
		return nil, fmt.Errorf("%w: bpf: %w", ErrNoUndos, err)
	}
	if err != nil {
		return nil, err
	}
	tasks, err := bpf.OpenIterator("ipctop_undo", "task", assemble)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoUndos, err)
	}
	return &Reader{tasks: tasks, timeNS: timeOffset(root)}, nil
}

// timeOffset reads the line "boottime SECONDS NANOSECONDS" of our time namespace; kernels without such have no file.
func timeOffset(root sys.Root) time.Duration {
	text, err := root.ReadFile("/proc/self/timens_offsets")
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(text) {
		var sec, nsec int64
		if n, _ := fmt.Sscanf(string(line), "boottime %d %d", &sec, &nsec); n == 2 {
			return time.Duration(sec)*time.Second + time.Duration(nsec)
		}
	}
	return 0
}

// Close gives the program back to the kernel.
func (r *Reader) Close() error { return r.tasks.Close() }

// Undos reads what every process of our pid namespace has to be undone now, by process and set. Processes change
// theirs meanwhile: the adjustments of one operation on several semaphores may be caught half done. complete is false
// where a process has more than is read of one (thousands of semaphores), or its list changed under the eyes: then
// there may be more than what is returned.
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

// group leaves one Undo for a process, list and set: its threads share their list where CLONE_SYSVSEM made them, as
// pthread_create does.
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
	if !self { // the program tells of the reading thread in any case: it read nothing if that is missing
		return nil, false, fmt.Errorf("%w: the kernel's task iterator did not show the reader itself", ErrNoUndos)
	}
	return undos, complete, nil
}

// undoTask is what the program writes for one task: a header, pairs of semaphore and adjustment, an end.
type undoTask struct {
	undoHeader
	entries   []undoEntry
	truncated bool
}

// undoHeader is the program's memory from hdrList on.
type undoHeader struct {
	List     uint64 // address of the sem_undo_list, which is its identity and nothing else; 0: the task has none
	Start    uint64 // nanoseconds of CLOCK_BOOTTIME
	IPCNS    uint32
	PID, TID int32
	_        uint32
	Comm     [16]byte
}

// undoEntry is one adjustment; SemID −1 ends a task, with Num not 0 if there is more.
type undoEntry struct {
	SemID int32
	Num   uint16
	Adj   int16
}

// parseUndos reads what the program wrote. The kernel gives the output of a task as a whole.
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

// undos are the task's adjustments by set. The program writes those of a set in one piece.
func (t *undoTask) undos(timeNS time.Duration) []Undo {
	comm, _, _ := bytes.Cut(t.Comm[:], []byte{0})
	var list []Undo
	for _, e := range t.entries {
		if n := len(list); n == 0 || list[n-1].SemID != int(e.SemID) {
			list = append(list, Undo{PID: int(t.PID), Start: (t.Start + uint64(timeNS)) / (uint64(time.Second) / sys.ClockTick),
				Comm: string(comm), IPCNS: uint64(t.IPCNS), SemID: int(e.SemID)})
		}
		last := &list[len(list)-1]
		last.Adj = append(last.Adj, SemAdj{e.Num, e.Adj})
	}
	return list
}
