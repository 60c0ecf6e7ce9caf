package process_test

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"runtime"
	"strconv"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/process"
)

// lockLayout is a lock of a C library in shared memory: 32-bit words by offset, and the way in which a thread waits.
type lockLayout struct {
	words map[int]uint32 // ownerTID means the holder's TID
	futex int            // offset of the awaited word
	op    int
	val   uint32
	want  process.Futex
}

// ownerTID stands for the TID of a lock's holder.
const ownerTID = 0x1000000

const waiters = 0x80000000

func lockLayouts() map[string]lockLayout {
	const wait, waitBitset, lockPI, private = 0, 9, 6, 0x80
	return map[string]lockLayout{
		"mutex": {map[int]uint32{0: 2, 8: ownerTID, 12: 1, 16: 0x80}, 0, wait, 2,
			process.Futex{Word: 2, Kind: process.FutexMutex, Owner: ownerTID}},
		"private mutex": {map[int]uint32{0: 2, 8: ownerTID, 12: 1}, 0, wait | private, 2,
			process.Futex{Private: true, Word: 2, Kind: process.FutexMutex, Owner: ownerTID}},
		"private mutex of nobody": {map[int]uint32{0: 2, 8: 1 << 29, 12: 1}, 0, wait | private, 2,
			process.Futex{Private: true, Word: 2}},
		"robust mutex": {map[int]uint32{0: ownerTID | waiters, 8: ownerTID, 12: 1, 16: 0x90, 24: 8, 32: 8}, 0, wait,
			ownerTID | waiters,
			process.Futex{Word: ownerTID | waiters, Kind: process.FutexRobust, Owner: ownerTID}},
		"lock of the kernel": {nil, 0, lockPI, 0,
			process.Futex{Word: ownerTID | waiters, Kind: process.FutexPIMutex, Owner: ownerTID}},
		"rwlock": {map[int]uint32{0: 3, 8: 1, 12: 3, 24: ownerTID, 28: 1}, 12, waitBitset, 3,
			process.Futex{Word: 3, Kind: process.FutexRWLock, Owner: ownerTID}},
		// musl's mutex of type 1 has the owner in its second word. A thread waits on this word.
		"musl's mutex": {map[int]uint32{0: 0x81, 4: ownerTID | waiters, 8: 1, 20: 1}, 4, wait, ownerTID | waiters,
			process.Futex{Word: ownerTID | waiters}},
		"semaphore": {map[int]uint32{4: 1, 8: 0x80}, 0, waitBitset, 0, process.Futex{}},
	}
}

// workLock writes a lock into memory. One thread holds the lock, another waits for it. It reports the TIDs of waiter
// and holder, and the word's address. With a second argument the lock ends with its page.
func workLock(j *kerneltest.Job) {
	layout := lockLayouts()[j.Args[0]]
	mem, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANONYMOUS)
	j.Check(err)
	base := 64
	if len(j.Args) > 1 {
		base = len(mem) - 8
	}
	addr := uintptr(unsafe.Pointer(&mem[base+layout.futex]))
	tids := make(chan int)
	go func() {
		runtime.LockOSThread()
		self := uint32(unix.Gettid())
		for offset, n := range layout.words {
			if n&ownerTID != 0 {
				n = n&^ownerTID | self
			}
			if base+offset < len(mem) {
				binary.NativeEndian.PutUint32(mem[base+offset:], n)
			}
		}
		if layout.words == nil { // the kernel writes the word
			unix.Syscall6(unix.SYS_FUTEX, addr, uintptr(layout.op), 0, 0, 0, 0)
		}
		tids <- int(self)
		select {}
	}()
	holder := <-tids
	val := layout.val
	if val&ownerTID != 0 {
		val = val&^ownerTID | uint32(holder)
	}
	go func() {
		runtime.LockOSThread()
		tids <- unix.Gettid()
		unix.Syscall6(unix.SYS_FUTEX, addr, uintptr(layout.op), uintptr(val), 0, 0, 0xffffffff)
		tids <- 0
	}()
	j.Ready(<-tids, holder, addr)
	j.Wait()
	runtime.KeepAlive(mem)
}

// lockWait waits until a thread of workLock sleeps on its word. Go's runtime has futexes as well.
func lockWait(tb testing.TB, p process.Dir, tid int, addr int) process.BlockedCall {
	tb.Helper()
	return taskOf(tb, p, tid, func(t process.Task) bool {
		return t.In == process.InCall && t.Call.NR == unix.SYS_FUTEX && t.Call.Args[0] == uint64(addr)
	}).Call
}

func TestFutex(t *testing.T) {
	for name, layout := range lockLayouts() {
		t.Run(name, func(t *testing.T) {
			w := kerneltest.Start(t, "lock", name)
			said := numbers(t, w.Words)
			p := openProc(t, w.PID)
			c := lockWait(t, p, said[0], said[2])
			got, err := p.Futex(c)
			if err != nil {
				t.Fatal(err)
			}
			want := layout.want
			want.Addr = uint64(said[2])
			if want.Owner != 0 {
				want.Owner = said[1]
			}
			if want.Word&ownerTID != 0 {
				want.Word = want.Word&^ownerTID | uint32(said[1])
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			c.SP += 8
			if got, err := p.Futex(c); got != (process.Futex{}) || !errors.Is(err, process.ErrOtherCall) {
				t.Errorf("futex of another call: %+v, %v", got, err)
			}
		})
	}
}

func TestFutexAtTheEndOfMemory(t *testing.T) {
	w := kerneltest.Start(t, "lock", "semaphore", "at the end")
	said := numbers(t, w.Words)
	p := openProc(t, w.PID)
	got, err := p.Futex(lockWait(t, p, said[0], said[2]))
	if diff := cmp.Diff(process.Futex{Addr: uint64(said[2])}, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
}

func TestThread(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		w := kerneltest.Start(t, "lock", "mutex")
		waiter := numbers(t, w.Words)[0]
		if tid, err := openProc(t, w.PID).Thread(waiter); tid != waiter || err != nil {
			t.Errorf("thread %d is %d, %v", waiter, tid, err)
		}
		if tid, err := openProc(t, w.PID).Thread(os.Getpid()); tid != 0 || !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a thread of another process is %d, %v", tid, err)
		}
		// The TIDs of its own namespace begin at 1.
		inner := kerneltest.StartIn(t, unix.CLONE_NEWPID, "lock", "mutex")
		said := numbers(t, inner.Words)
		waiter = said[0]
		p := openProc(t, inner.PID)
		tid, err := p.Thread(waiter)
		if err != nil {
			t.Fatal(err)
		}
		lockWait(t, p, tid, said[2])
		text, err := p.Read("task/"+strconv.Itoa(tid)+"/status", nil)
		if err != nil {
			t.Fatal(err)
		}
		pids, err := process.ParseNSPids(text)
		if diff := cmp.Diff([]int{tid, waiter}, pids); diff != "" || err != nil {
			t.Error(err, diff)
		}
		if tid, err := p.Thread(1 << 21); tid != 0 || !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("no thread is %d, %v", tid, err)
		}
	})
}

func BenchmarkFutex(b *testing.B) {
	for _, name := range []string{"mutex", "private mutex", "robust mutex", "rwlock", "semaphore"} {
		w := kerneltest.Start(b, "lock", name)
		p := openProc(b, w.PID)
		said := numbers(b, w.Words)
		c := lockWait(b, p, said[0], said[2])
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := p.Futex(c); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
