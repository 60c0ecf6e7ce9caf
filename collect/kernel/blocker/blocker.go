package blocker

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/bpf"
	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// Lock is the sort of a lock of the kernel. The String of NoLock is empty.
type Lock uint8

const (
	NoLock Lock = iota // the kernel names no lock: the thread waits for something else
	Mutex
	Semaphore
	ReadLock  // the thread wants a read-write semaphore for reading
	WriteLock // the thread wants a read-write semaphore for writing
)

func (l Lock) String() string {
	return [...]string{"", "a mutex of the kernel", "a semaphore of the kernel",
		"a read-write lock of the kernel, to read", "a read-write lock of the kernel, to write"}[l]
}

// Sleep is the sleep of a thread in state D.
type Sleep struct {
	Lock Lock
	// Killable is true if a signal that kills ends the sleep (TASK_KILLABLE). No other signal does.
	Killable bool
	Owner    Owner
}

// Owner is the thread that the lock names. A mutex, or a read-write lock that is held to write, names its one holder.
type Owner struct {
	PID, TID int    // in the reader's pid namespace; 0: none, or outside this namespace
	Comm     string // name of its process; "": none
	// Last is true if the lock names only the last of several holders. That thread may also have given the lock back:
	// so it is for a semaphore, and for a read-write lock that is held to read.
	Last bool
}

// ErrNone means that this kernel does not tell. It is older than 6.16, lacks CONFIG_DETECT_HUNG_TASK_BLOCKER or type
// information (BTF), or refuses the program.
var ErrNone = errors.New("this kernel does not tell which of its locks a thread waits for")

// Reader reads the sleeps of all threads in state D of the reader's pid namespace. Its program ends with the reader's
// descriptors. Only one goroutine at a time may use a Reader.
type Reader struct{ tasks *bpf.Iterator }

// Open loads the program, in 4 milliseconds. fs.ErrPermission: Open needs CAP_BPF and CAP_PERFMON in the first
// user namespace (man 7 capabilities), or a sandbox refuses bpf(2). ErrNone: this kernel cannot.
func Open(root sys.Root) (*Reader, error) {
	if !root.Live() {
		return nil, fmt.Errorf("locks of the kernel: %w", sys.ErrNotLive)
	}
	err := bpf.Ask("the kernel's own locks")
	if err == unix.ENOSYS {
		return nil, fmt.Errorf("%w: bpf: %w", ErrNone, err)
	}
	if err != nil {
		return nil, err
	}
	tasks, err := bpf.OpenIterator("ipctop_blocker", "task", assemble)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNone, err)
	}
	return &Reader{tasks}, nil
}

// Close ends the program in the kernel.
func (r *Reader) Close() error { return r.tasks.Close() }

// Sleeps reads the sleeps by thread. Each thread is read for itself, while all others go on.
func (r *Reader) Sleeps() (map[int]Sleep, error) {
	text, err := r.tasks.Run()
	if err != nil {
		return nil, fmt.Errorf("read locks of the kernel: %w", err)
	}
	return parse(text)
}

// record is the program's output for one task.
type record struct {
	Lock, Owner        uint64 // addresses, with flags in their low bits
	TID                int32
	State              uint32
	OwnerPID, OwnerTID int32
	Comm               [16]byte
}

// parse reads the program's output.
func parse(text []byte) (map[int]Sleep, error) {
	sleeps := map[int]Sleep{}
	if len(text) == 0 { // the program always writes the reader's task
		return nil, fmt.Errorf("%w: the task iterator did not show the reader itself", ErrNone)
	}
	for len(text) > 0 {
		var r record
		n, err := binary.Decode(text, binary.NativeEndian, &r)
		if err != nil {
			return nil, fmt.Errorf("read locks of the kernel: a task of %d bytes: %w", len(text), io.ErrUnexpectedEOF)
		}
		if text = text[n:]; r.State&uninterruptible != 0 && r.TID > 0 {
			sleeps[int(r.TID)] = r.sleep()
		}
	}
	return sleeps, nil
}

func (r *record) sleep() Sleep {
	s := Sleep{Killable: r.State&wakeKill != 0}
	if r.Lock == 0 {
		return s
	}
	switch r.Lock & blockerMask {
	case blockerMutex:
		s.Lock = Mutex
	case blockerSemaphore:
		s.Lock, s.Owner.Last = Semaphore, true
	case blockerReader:
		s.Lock, s.Owner.Last = ReadLock, r.Owner&readerOwned != 0
	case blockerWriter:
		s.Lock, s.Owner.Last = WriteLock, r.Owner&readerOwned != 0
	}
	comm, _, _ := bytes.Cut(r.Comm[:], []byte{0})
	s.Owner.PID, s.Owner.TID, s.Owner.Comm = int(r.OwnerPID), int(r.OwnerTID), string(comm)
	return s
}
