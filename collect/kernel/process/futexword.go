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

// FutexKind is the kind of object that a futex word belongs to.
type FutexKind uint8

const (
	// FutexOther is a condition variable, a semaphore, a lock of another library, or an object that is not certain.
	FutexOther   FutexKind = iota
	FutexMutex             // a pthread mutex of glibc
	FutexRobust            // a pthread mutex that reports its owner's death (PTHREAD_MUTEX_ROBUST)
	FutexPIMutex           // a lock that the kernel hands over (FUTEX_LOCK_PI), of any library
	FutexRWLock            // a pthread rwlock of glibc
)

// Futex is the word on which a thread sleeps, and the object around it.
type Futex struct {
	Addr    uint64 // address in the memory of the process
	Private bool   // FUTEX_PRIVATE_FLAG: only threads of the process can wake it
	Timed   bool   // the call has a timeout
	Word    uint32 // the word's value
	Kind    FutexKind
	// Owner is the thread that holds the lock (a rwlock: for writing). It is the TID in the owner's own pid namespace;
	// Thread finds our TID. 0: not known, or readers hold the rwlock. Readers do not store their TIDs.
	Owner int
	// LeftBy is the number of the thread that locked a private lock and is no thread of the process. It has ended, or
	// it stayed behind in a fork: the child has only the thread that forked (fork(2)). 0: none. It excludes Owner.
	LeftBy int
	// OwnerDied means that a former owner ended while it held the lock (FUTEX_OWNER_DIED). It is for robust mutexes and
	// PI locks. Owner is the present owner, or 0.
	OwnerDied bool
}

// Bits of the word of a robust mutex or PI lock (include/uapi/linux/futex.h).
const (
	futexWaiters   = 0x80000000
	futexOwnerDied = 0x40000000
	futexTIDMask   = 0x3fffffff
)

// Futex reads the word on which a thread sleeps, and the memory around it. glibc's layouts tell the kind of lock. All
// parts must agree: the operation, the expected value, the word, the kind and its neighbours. Else the kind is
// FutexOther, as for musl's locks. It needs the right to ptrace the process. It costs 15 microseconds; a private
// mutex costs 60, because Futex looks for its owner. ErrOtherCall: the thread does not wait for one futex, or no
// longer.
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
		// A waker is waking it up, or the memory has other contents now.
	default:
		p.recognize(&f, c, w)
	}
	if err := p.checkCall(c); err != nil {
		return Futex{}, err
	}
	return f, nil
}

// futexWaiting is a futex call that waits.
type futexWaiting struct {
	waits, pi, private, timed bool
	bitset                    bool   // FUTEX_WAIT_BITSET: its timeout is a point in time
	val                       uint32 // the value that the thread expects
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
		w.waits, w.val = true, ^uint32(c.Args[2]) // no value of a lock
	}
	return w
}

// recognize finds the kind of object around the word. If the memory ends before an object of that kind would, it is
// not that kind.
func (p Dir) recognize(f *Futex, c BlockedCall, w futexWaiting) {
	if w.mutex() || w.robust() {
		var mutex [mutexSize]byte
		if p.readMemory(c.TID, f.Addr, mutex[:]) != nil {
			return
		}
		if kind, owner := w.parseMutex(mutex); kind != FutexOther {
			if p.mayOwn(f, owner) {
				f.Kind, f.Owner, f.OwnerDied = kind, owner, kind == FutexRobust && f.Word&futexOwnerDied != 0
				return
			}
			if owner <= mostPid {
				f.Kind, f.LeftBy = kind, owner
				return
			}
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

// mostPid is the largest number of a thread (PID_MAX_LIMIT, include/linux/threads.h).
const mostPid = 4 << 20

// mayOwn is false if a private lock's owner is no thread of the process.
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

// Bits of the mutex kind (nptl/pthreadP.h). A lock with other bits is not known here: 0x40 is PTHREAD_PRIO_PROTECT.
const (
	mutexType      = 0x3 // 0 normal, 1 recursive, 2 error checking, 3 adaptive
	mutexRecursive = 1
	mutexAdaptive  = 3
	mutexRobust    = 0x10
	mutexShared    = 0x80
	mutexElision   = 0x300 // the mutex tries transactions first, or never
)

// mutex is true for a wait like that of __lll_lock_wait: it expects the word 2, "locked with waiters"
// (nptl/lowlevellock.c). Mutexes use a bitset only with a timeout. Rwlocks and conditions use a bitset without one.
func (w futexWaiting) mutex() bool { return w.val == 2 && (!w.bitset || w.timed) }

// robust is true for a wait like that of a robust mutex: it expects the owner's TID with FUTEX_WAITERS. The wait is
// never private (PTHREAD_ROBUST_MUTEX_PSHARED), because the kernel wakes with the shared key when the owner dies.
func (w futexWaiting) robust() bool {
	return w.val&futexWaiters != 0 && w.val&futexTIDMask != 0 && !w.private
}

// parseMutex gives the kind and the owner of the mutex that begins at the futex word. The word equals w.val. Both
// results are zero unless all parts agree.
func (w futexWaiting) parseMutex(b [mutexSize]byte) (FutexKind, int) {
	u32 := func(at int) uint32 { return binary.NativeEndian.Uint32(b[at:]) }
	count, owner, users, kind := u32(4), u32(8), u32(12), u32(16)
	list := binary.NativeEndian.Uint64(b[24:]) | binary.NativeEndian.Uint64(b[32:])
	if users == 0 || users > math.MaxInt16 {
		return FutexOther, 0
	}
	if w.robust() {
		// After the death of an owner, the next owner stores INT_MAX until it has made the mutex consistent.
		tid := w.val & futexTIDMask
		if kind&^(mutexType|mutexShared|mutexElision) != mutexRobust || list == 0 ||
			owner != tid && owner != math.MaxInt32 {
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
	case owner == 0 || owner > futexTIDMask: // 0 for a moment, or during a transaction
		return FutexOther, 0
	}
	return FutexMutex, int(owner)
}

// glibc's pthread_rwlock_t on 64-bit machines (sysdeps/*/nptl/bits/struct_rwlock.h, nptl/pthread_rwlock_common.c):
// readers u32@0, writers u32@4, wrphase_futex u32@8, writers_futex u32@12, padding@16, cur_writer TID i32@24, shared
// i32@28, padding@32, flags u32@48.
const rwlockSize = 52

// rwlockWords are the offsets of its two futex words. On the first, readers wait for writers, and the first writer
// waits for readers. On the second, the other writers wait for a writer.
var rwlockWords = [...]uint64{8, 12}

// rwlock is true for a wait on a word of a rwlock. It expects 2, "a thread waits", or 3, with the 1 of a writer.
func (w futexWaiting) rwlock() bool { return w.val == 2 || w.val == 3 }

// parseRWLock gives the thread that holds the rwlock for writing. The rwlock's word at offset equals w.val. owner 0:
// readers hold it, or the lock is changing hands. ok is false unless all parts agree.
func (w futexWaiting) parseRWLock(b [rwlockSize]byte, offset uint64) (owner int, ok bool) {
	u32 := func(at int) uint32 { return binary.NativeEndian.Uint32(b[at:]) }
	const writing = 3 // bits of readers: PTHREAD_RWLOCK_WRPHASE, PTHREAD_RWLOCK_WRLOCKED
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

// Thread finds a thread of the process by its TID in the process's own pid namespace, and returns the TID in our
// namespace. It costs 45 microseconds. In another namespace, each thread costs as much. fs.ErrNotExist: the process
// has no such thread.
func (p Dir) Thread(nstid int) (tid int, err error) {
	text, err := p.Read("status", nil)
	if err != nil {
		return 0, err
	}
	pids, err := ParseNSPids(text)
	if err != nil {
		return 0, fmt.Errorf("read /proc/%d/status: %w", p.PID, err)
	}
	if len(pids) == 1 && p.live {
		var st unix.Stat_t
		if err := unix.Fstatat(p.fd, "task/"+strconv.Itoa(nstid), &st, 0); err != nil {
			return 0, fmt.Errorf("stat /proc/%d/task/%d: %w", p.PID, nstid, err)
		}
		return nstid, nil
	}
	dir, err := p.openDir("task")
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
