package process

import (
	"encoding/binary"
	"math"
	"testing"
)

// words writes 32-bit numbers in memory's byte order.
func words[T [mutexSize]byte | [rwlockSize]byte](at map[int]uint32) (b T) {
	mem := make([]byte, len(b))
	for offset, n := range at {
		binary.NativeEndian.PutUint32(mem[offset:], n)
	}
	return T(mem)
}

// change is a layout with some words replaced.
func change(at map[int]uint32, with map[int]uint32) map[int]uint32 {
	out := map[int]uint32{}
	for offset, n := range at {
		out[offset] = n
	}
	for offset, n := range with {
		out[offset] = n
	}
	return out
}

type at = map[int]uint32

func TestParseMutex(t *testing.T) {
	const tid = 12735
	// From glibc 2.36: the words of a shared, of a recursive and of a robust mutex.
	normal := at{0: 2, 8: tid, 12: 1, 16: 0x280}
	recursive := at{0: 2, 4: 1, 8: tid, 12: 1, 16: 0x81}
	robust := at{0: tid | futexWaiters, 4: 1, 8: tid, 12: 1, 16: 0x290, 24: 0x561eba20, 28: 0x7ff3, 32: 0x561eba20,
		36: 0x7ff3}
	wait, robustWait := futexWaiting{val: 2}, futexWaiting{val: tid | futexWaiters}
	for name, c := range map[string]struct {
		wait  futexWaiting
		mem   at
		kind  FutexKind
		owner int
	}{
		"normal":    {wait, normal, FutexMutex, tid},
		"recursive": {wait, recursive, FutexMutex, tid},
		"adaptive":  {wait, change(normal, at{16: 0x83, 20: 25}), FutexMutex, tid},
		"private": {futexWaiting{val: 2, private: true}, change(normal, at{16: 0}),
			FutexMutex, tid},
		"robust":                        {robustWait, robust, FutexRobust, tid},
		"robust, taken from a dead one": {robustWait, change(robust, at{8: math.MaxInt32}), FutexRobust, tid},

		"between two owners":               {wait, change(normal, at{8: 0}), FutexOther, 0},
		"shared wait, private mutex":       {wait, change(normal, at{16: 0x200}), FutexOther, 0},
		"private wait, shared mutex":       {futexWaiting{val: 2, private: true}, normal, FutexOther, 0},
		"priority protection":              {wait, change(normal, at{16: 0xc0}), FutexOther, 0},
		"unknown kind":                     {wait, change(normal, at{16: 0x1080}), FutexOther, 0},
		"no users":                         {wait, change(normal, at{12: 0}), FutexOther, 0},
		"users that are half of a pointer": {wait, change(normal, at{12: 0xffff8000}), FutexOther, 0},
		"a count without recursion":        {wait, change(normal, at{4: 1}), FutexOther, 0},
		"recursion without a count":        {wait, change(recursive, at{4: 0}), FutexOther, 0},
		"spins of one that does not":       {wait, change(normal, at{20: 25}), FutexOther, 0},
		"on a list, yet not robust":        {wait, change(normal, at{24: 8}), FutexOther, 0},
		"an owner that is no TID":          {wait, change(normal, at{8: futexWaiters | tid}), FutexOther, 0},
		"robust of two owners":             {robustWait, change(robust, at{8: tid + 1}), FutexOther, 0},
		"robust, owner not yet written":    {robustWait, change(robust, at{8: 0}), FutexOther, 0},
		"robust, on no list":               {robustWait, change(robust, at{24: 0, 28: 0, 32: 0, 36: 0}), FutexOther, 0},
		"robust wait, other kind":          {robustWait, change(robust, at{16: 0x280}), FutexOther, 0},
		"stdio's lock: its owner's address": {futexWaiting{val: 2, private: true},
			at{0: 2, 4: 1, 8: 0x10a2e740, 12: 0x7f35},
			FutexOther, 0},
		// The word of musl's mutex of type 1 is the second: type, lock, waiters, padding, two pointers, count.
		"musl": {robustWait, at{0: tid | futexWaiters, 4: 1, 12: 0x561eba20, 16: 0x7ff3}, FutexOther, 0},
	} {
		kind, owner := c.wait.parseMutex(words[[mutexSize]byte](c.mem))
		if kind != c.kind || owner != c.owner {
			t.Errorf("%s: kind %d, owner %d, want %d, %d", name, kind, owner, c.kind, c.owner)
		}
	}
}

func TestParseRWLock(t *testing.T) {
	const tid = 12817
	readerWaits := at{0: 0xb, 8: 3, 12: 1, 24: tid, 28: 1}
	writerWaits := at{0: 3, 8: 1, 12: 3, 24: tid, 28: 1}
	readersHold := at{0: 0xa, 8: 2, 12: 1, 28: 1, 48: 2}
	w2, w3 := futexWaiting{val: 2, bitset: true}, futexWaiting{val: 3, bitset: true}
	for name, c := range map[string]struct {
		wait   futexWaiting
		mem    at
		offset uint64
		owner  int
		ok     bool
	}{
		"a reader waits for the writer": {w3, readerWaits, 8, tid, true},
		"a writer waits for the writer": {w3, writerWaits, 12, tid, true},
		"a writer waits for readers":    {w2, readersHold, 8, 0, true},
		"private": {futexWaiting{val: 3, private: true}, change(readerWaits, at{28: 0}), 8, tid,
			true},
		"private wait, shared lock": {futexWaiting{val: 3, private: true}, readerWaits, 8, 0, false},
		"the wrong word of two": {w3, at{0: 1, 4: 0, 8: 1, 12: 3, 16: 3, 24: 0, 28: tid, 32: 1}, 12,
			0, false},
		"a writer while nobody writes":    {w3, change(readerWaits, at{0: 8}), 8, 0, false},
		"never locked":                    {w3, change(readerWaits, at{0: 0, 24: 0}), 8, 0, false},
		"padding that is none":            {w3, change(readerWaits, at{40: 1}), 8, 0, false},
		"an unknown kind":                 {w3, change(readerWaits, at{48: 7}), 8, 0, false},
		"a writer that is no TID":         {w3, change(readerWaits, at{24: futexWaiters}), 8, 0, false},
		"a phase that is none":            {w3, change(readerWaits, at{12: 77}), 8, 0, false},
		"writers' word without a writer":  {w2, readersHold, 12, 0, false},
		"neither private nor shared":      {w3, change(readerWaits, at{28: 9}), 8, 0, false},
		"private by the lock, not the op": {w3, change(readerWaits, at{28: 0}), 8, 0, false},
	} {
		owner, ok := c.wait.parseRWLock(words[[rwlockSize]byte](c.mem), c.offset)
		if owner != c.owner || ok != c.ok {
			t.Errorf("%s: owner %d, %v, want %d, %v", name, owner, ok, c.owner, c.ok)
		}
	}
}

func FuzzFutexObjects(f *testing.F) {
	f.Add([]byte("\x02\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x80"), uint32(2), false, false)
	f.Add([]byte("\x0b\x00\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x01"), uint32(3), true, true)
	f.Fuzz(func(t *testing.T, mem []byte, val uint32, private, bitset bool) {
		w := futexWaiting{waits: true, val: val, private: private, bitset: bitset}
		var mutex [mutexSize]byte
		copy(mutex[:], mem)
		kind, owner := w.parseMutex(mutex)
		if (kind == FutexOther) != (owner == 0) || owner < 0 || owner > futexTIDMask || kind > FutexRobust {
			t.Errorf("kind %d with owner %d", kind, owner)
		}
		var lock [rwlockSize]byte
		copy(lock[:], mem)
		for _, offset := range rwlockWords {
			if owner, ok := w.parseRWLock(lock, offset); owner < 0 || owner > futexTIDMask || !ok && owner != 0 {
				t.Errorf("rwlock of owner %d, %v", owner, ok)
			}
		}
	})
}
