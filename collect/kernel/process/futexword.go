package process

import (
	"encoding/binary"
	"fmt"
	"io/fs"
	"math"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// FutexKind is what a futex word belongs to.
type FutexKind uint8

const (
	// FutexOther is a condition variable, a semaphore, a lock of another library, or anything that could not be told for
	// sure.
	FutexOther   FutexKind = iota
	FutexMutex             // a pthread mutex of glibc
	FutexRobust            // one whose death with its owner is noticed (PTHREAD_MUTEX_ROBUST)
	FutexPIMutex           // a lock that the kernel hands over (FUTEX_LOCK_PI), whoever made it
	FutexRWLock            // a pthread rwlock of glibc
)

// Futex is the word that a thread sleeps on and what it could be told to be.
type Futex struct {
	Addr    uint64 // in the memory of the process
	Private bool   // FUTEX_PRIVATE_FLAG: only threads of the process can wake it
	Timed   bool   // the call ends by itself
	Word    uint32 // its value
	Kind    FutexKind
	// Owner is the thread that holds the lock, a rwlock for writing, by the TID that its own pid namespace gives it:
	// Thread finds it. 0: not known, or a rwlock that readers hold, which do not leave their names.
	Owner int
	// OwnerDied says that an owner of a robust mutex or PI lock ended while it held it (FUTEX_OWNER_DIED); Owner is who
	// has it now, if anybody.
	OwnerDied bool
}

// Bits of the word of a robust mutex or PI lock (include/uapi/linux/futex.h).
const (
	futexWaiters   = 0x80000000
	futexOwnerDied = 0x40000000
	futexTIDMask   = 0x3fffffff
)

// Futex reads the word that a thread sleeps on and what lies around it. Which lock it is, is told by glibc's layouts,
// that all of them agree: the operation, the value waited for, the word, the kind and the fields beside it; else it
// is FutexOther, as with musl's locks. It takes the right to ptrace the process: 15 microseconds, 60 for a private
// mutex, whose owner is looked for. errors.Is(err, ErrOtherCall): the thread does not wait for one futex (any more).
func (p Dir) Futex(c BlockedCall) (Futex, error) {
	c, ok := p.Resumed(c)
	w := futexWaitOf(c)
	if !ok || !w.waits {
		return Futex{}, fmt.Errorf("thread %d: %w", c.TID, ErrOtherCall)
	}
	f := Futex{Addr: c.Args[0], Private: w.private, Timed: w.timed}
	var word [4]byte
	if err := p.readMemory(c.TID, f.Addr, word[:]); err != nil {
		return Futex{}, err
	}
	f.Word = binary.NativeEndian.Uint32(word[:])
	switch {
	case w.pi:
		f.Kind, f.Owner, f.OwnerDied = FutexPIMutex, int(f.Word&futexTIDMask), f.Word&futexOwnerDied != 0
	case f.Word != w.val:
		// It is being woken up, or the memory is something else by now.
	default:
		p.recognize(&f, c, w)
	}
	if err := p.still(c); err != nil {
		return Futex{}, err
	}
	return f, nil
}

// futexWaiting is a futex call that waits.
type futexWaiting struct {
	waits, pi, private, timed bool
	bitset                    bool   // FUTEX_WAIT_BITSET, whose time is a point in time
	val                       uint32 // the value that it saw
}

func futexWaitOf(c BlockedCall) futexWaiting {
	w := futexWaiting{private: c.Args[1]&futexPrivate != 0, val: uint32(c.Args[2]), timed: c.Args[3] != 0}
	if c.NR != unix.SYS_FUTEX {
		return w
	}
	switch c.Args[1] & futexCommand {
	case futexWait:
		w.waits = true
	case futexWaitBitset:
		w.waits, w.bitset = true, true
	case futexLockPI, futexLockPI2:
		w.waits, w.pi = true, true
	case futexWaitRequeuePI: // of a condition variable
		w.waits, w.val = true, ^uint32(c.Args[2]) // no lock's
	}
	return w
}

// recognize looks at what lies around the word. Memory that ends before an object does is not that object.
func (p Dir) recognize(f *Futex, c BlockedCall, w futexWaiting) {
	if w.mutex() || w.robust() {
		var mutex [mutexSize]byte
		if p.readMemory(c.TID, f.Addr, mutex[:]) != nil {
			return
		}
		if kind, owner := w.parseMutex(mutex); kind != FutexOther && p.mayOwn(f, owner) {
			f.Kind, f.Owner, f.OwnerDied = kind, owner, kind == FutexRobust && f.Word&futexOwnerDied != 0
			return
		}
	}
	if !w.rwlock() {
		return
	}
	var found []int
	for _, offset := range rwlockWords {
		var lock [rwlockSize]byte
		if p.readMemory(c.TID, f.Addr-offset, lock[:]) != nil {
			continue
		}
		if owner, ok := w.parseRWLock(lock, offset); ok && (owner == 0 || p.mayOwn(f, owner)) {
			found = append(found, owner)
		}
	}
	if len(found) == 1 {
		f.Kind, f.Owner = FutexRWLock, found[0]
	}
}

// mayOwn rules out an owner of a private lock that is no thread of the process.
func (p Dir) mayOwn(f *Futex, owner int) bool {
	if !f.Private {
		return true
	}
	_, err := p.Thread(owner)
	return err == nil
}

// glibc's pthread_mutex_t on 64-bit machines (sysdeps/nptl/bits/struct_mutex.h): lock u32@0, count u32@4, owner TID
// i32@8, nusers u32@12, kind i32@16, spins i16@20, elision i16@22, list of robust mutexes 2×pointer@24.
const mutexSize = 40

// Bits of its kind (nptl/pthreadP.h). Others make a lock that is not known here: 0x40 is PTHREAD_PRIO_PROTECT.
const (
	mutexType      = 0x3 // 0 normal, 1 recursive, 2 error checking, 3 adaptive
	mutexRecursive = 1
	mutexAdaptive  = 3
	mutexRobust    = 0x10
	mutexShared    = 0x80
	mutexElision   = 0x300 // whether to try transactions first
)

// mutex says whether a wait looks like that of __lll_lock_wait, for the word 2, "locked with waiters"
// (nptl/lowlevellock.c). A bitset is used with a time only; rwlocks and conditions use one without.
func (w futexWaiting) mutex() bool { return w.val == 2 && (!w.bitset || w.timed) }

// robust says whether it looks like that of a robust mutex, for the owner's TID with FUTEX_WAITERS. It is never private
// (PTHREAD_ROBUST_MUTEX_PSHARED), as the kernel wakes with the shared key when the owner dies.
func (w futexWaiting) robust() bool {
	return w.val&futexWaiters != 0 && w.val&futexTIDMask != 0 && !w.private
}

// parseMutex tells whose mutex it is that begins at the futex word, which equals w.val. Both results are zero unless
// everything agrees.
func (w futexWaiting) parseMutex(b [mutexSize]byte) (FutexKind, int) {
	u32 := func(at int) uint32 { return binary.NativeEndian.Uint32(b[at:]) }
	count, owner, users, kind := u32(4), u32(8), u32(12), u32(16)
	list := binary.NativeEndian.Uint64(b[24:]) | binary.NativeEndian.Uint64(b[32:])
	if users == 0 || users > math.MaxInt16 {
		return FutexOther, 0
	}
	if w.robust() {
		// INT_MAX stands for an owner that has taken the mutex of one that died and not yet made it consistent.
		tid := w.val & futexTIDMask
		if kind&^(mutexType|mutexShared|mutexElision) != mutexRobust || list == 0 || owner != tid && owner != math.MaxInt32 {
			return FutexOther, 0
		}
		return FutexRobust, int(tid)
	}
	switch {
	case kind&^(mutexType|mutexShared|mutexElision) != 0, w.private != (kind&mutexShared == 0):
		return FutexOther, 0
	case (kind&mutexType == mutexRecursive) != (count > 0):
		return FutexOther, 0
	case list != 0, kind&mutexType != mutexAdaptive && u32(20) != 0:
		return FutexOther, 0
	case owner == 0 || owner > futexTIDMask: // 0 for a moment, or with transactions
		return FutexOther, 0
	}
	return FutexMutex, int(owner)
}

// glibc's pthread_rwlock_t on 64-bit machines (sysdeps/*/nptl/bits/struct_rwlock.h, nptl/pthread_rwlock_common.c):
// readers u32@0, writers u32@4, wrphase_futex u32@8, writers_futex u32@12, padding@16, cur_writer TID i32@24, shared
// i32@28, padding@32, flags u32@48.
const rwlockSize = 52

// rwlockWords are where its two futex words lie: that for the phase, on which readers wait for writers and the first
// writer for readers, and that on which other writers wait for a writer.
var rwlockWords = [...]uint64{8, 12}

// rwlock says whether a wait looks like one for such a word: 2, "somebody waits", with or without the 1 of a writer.
func (w futexWaiting) rwlock() bool { return w.val == 2 || w.val == 3 }

// parseRWLock tells who holds the rwlock, whose word at offset equals w.val, for writing; 0: readers do, or somebody
// in between. ok is false unless everything agrees.
func (w futexWaiting) parseRWLock(b [rwlockSize]byte, offset uint64) (owner int, ok bool) {
	u32 := func(at int) uint32 { return binary.NativeEndian.Uint32(b[at:]) }
	const writing = 3 // in readers: PTHREAD_RWLOCK_WRPHASE, PTHREAD_RWLOCK_WRLOCKED
	readers, writer, shared, flags := u32(0), u32(24), u32(28), u32(48)
	switch {
	case u32(8) > 3 || u32(12) > 3, flags > 2, offset == 12 && w.val != 3:
		return 0, false
	case w.private != (shared == 0) || shared > 1:
		return 0, false
	case readers == 0 || writer > futexTIDMask || writer != 0 && readers&writing != writing:
		return 0, false
	}
	for _, at := range []int{16, 20, 32, 36, 40, 44} {
		if u32(at) != 0 {
			return 0, false
		}
	}
	return int(writer), true
}

// Thread finds the thread of the process that its own pid namespace numbers so, and gives its TID in ours: 45
// microseconds, and as much for each thread where the process lives in another namespace. errors.Is(err,
// fs.ErrNotExist): it has none.
func (p Dir) Thread(nstid int) (tid int, err error) {
	text, err := p.Read("status", nil)
	if err != nil {
		return 0, err
	}
	pids, err := ParseNSPids(text)
	if err != nil {
		return 0, fmt.Errorf("read /proc/%d/status: %w", p.PID, err)
	}
	if len(pids) == 1 {
		var st unix.Stat_t
		if err := unix.Fstatat(p.fd, "task/"+strconv.Itoa(nstid), &st, 0); err != nil {
			return 0, fmt.Errorf("stat /proc/%d/task/%d: %w", p.PID, nstid, err)
		}
		return nstid, nil
	}
	dir, err := sys.OpenDir(p.fd, "task")
	if err != nil {
		return 0, fmt.Errorf("list /proc/%d/task: %w", p.PID, err)
	}
	defer unix.Close(dir)
	err = sys.EachDirent(dir, make([]byte, 8<<10), func(name []byte) {
		if tid != 0 {
			return
		}
		text, err := p.Read("task/"+string(name[:len(name)-1])+"/status", text)
		if err != nil {
			return
		}
		if pids, err := ParseNSPids(text); err == nil && len(pids) > 0 && pids[len(pids)-1] == nstid {
			tid = pids[0]
		}
	})
	if err == nil && tid == 0 {
		err = fs.ErrNotExist
	}
	if err != nil {
		return 0, fmt.Errorf("thread %d of process %d: %w", nstid, p.PID, err)
	}
	return tid, nil
}
