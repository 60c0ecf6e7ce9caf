package kernel

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
)

// errMalformed is what a parser says of a line that no kernel writes.
var errMalformed = errors.New("malformed")

// The lines of /proc/sysvipc (the show functions of ipc/msg.c, ipc/sem.c and ipc/shm.c) are decimal numbers between
// blanks, perms octal, below one line of headings. Keys are signed.

// parseMsg reads /proc/sysvipc/msg. A malformed line is an error; the rows above it are returned with it.
func parseMsg(data []byte) ([]MsgQueue, error) {
	return parseTable(data, func(f *numbers, q *MsgQueue) {
		q.Key, q.ID, q.Mode = f.key(), f.id(), f.mode()
		q.CBytes, q.QNum = f.uint64(), f.uint64()
		q.LSPid, q.LRPid = f.int32(), f.int32()
		f.owners(&q.IPCPerm)
		q.STime, q.RTime, q.CTime = f.int64(), f.int64(), f.int64()
	})
}

// parseSem reads /proc/sysvipc/sem.
func parseSem(data []byte) ([]SemSet, error) {
	return parseTable(data, func(f *numbers, s *SemSet) {
		s.Key, s.ID, s.Mode = f.key(), f.id(), f.mode()
		s.NSems = f.uint64()
		f.owners(&s.IPCPerm)
		s.OTime, s.CTime = f.int64(), f.int64()
	})
}

// parseShm reads /proc/sysvipc/shm.
func parseShm(data []byte) ([]ShmSegment, error) {
	page := uint64(os.Getpagesize())
	return parseTable(data, func(f *numbers, s *ShmSegment) {
		s.Key, s.ID, s.Mode = f.key(), f.id(), f.mode()
		s.Size = f.uint64()
		s.CPid, s.LPid = f.int32(), f.int32()
		s.NAttch = f.uint64()
		f.owners(&s.IPCPerm)
		s.ATime, s.DTime, s.CTime = f.int64(), f.int64(), f.int64()
		if f.more() {
			s.RSS, s.Swap, s.HasRSS = clampRSS(f.uint64(), s.Size, page), f.uint64(), true
		}
	})
}

// clampRSS cuts a resident size to the segment's pages. For a hugetlb segment the kernel multiplies a count that is
// already in small pages by the pages of a huge one (shm_add_rss_swap, ipc/shm.c): 512 times too much on amd64.
func clampRSS(rss, size, page uint64) uint64 {
	if over := size % page; over != 0 && size <= math.MaxUint64-page {
		size += page - over
	}
	return min(rss, size)
}

// parseTable calls row for every line below the headings.
func parseTable[T any](data []byte, row func(*numbers, *T)) ([]T, error) {
	_, data, _ = bytes.Cut(data, []byte{'\n'})
	if len(data) == 0 {
		return nil, nil
	}
	out := make([]T, 0, bytes.Count(data, []byte{'\n'})+1)
	for number := 2; len(data) > 0; number++ {
		end := bytes.IndexByte(data, '\n')
		f := numbers{rest: data}
		if end >= 0 {
			f.rest, data = data[:end], data[end+1:]
		} else {
			data = nil
		}
		var t T
		if row(&f, &t); f.bad {
			return out, fmt.Errorf("line %d: %w", number, errMalformed)
		}
		out = append(out, t)
	}
	return out, nil
}

// numbers takes the fields of a line one after the other, without allocating. What does not parse sets bad.
// Fields that a later kernel may append are ignored.
type numbers struct {
	rest []byte
	bad  bool
}

func (f *numbers) more() bool {
	for len(f.rest) > 0 && f.rest[0] == ' ' {
		f.rest = f.rest[1:]
	}
	return len(f.rest) > 0
}

// number reads digits of a base up to the next blank.
func (f *numbers) number(base uint64) uint64 {
	if !f.more() {
		f.bad = true
		return 0
	}
	var n uint64
	for i, c := range f.rest {
		d := uint64(c - '0')
		switch {
		case c == ' ' && i > 0:
			f.rest = f.rest[i:]
			return n
		case c < '0' || d >= base || n > (math.MaxUint64-d)/base:
			f.bad, f.rest = true, nil
			return 0
		}
		n = n*base + d
	}
	f.rest = nil
	return n
}

// signed reads a decimal number between −limit−1 and limit.
func (f *numbers) signed(limit uint64) int64 {
	negative := f.more() && f.rest[0] == '-'
	if negative {
		f.rest = f.rest[1:]
	}
	n := f.number(10)
	switch {
	case negative && n <= limit+1:
		return int64(-n)
	case !negative && n <= limit:
		return int64(n)
	}
	f.bad = true
	return 0
}

func (f *numbers) uint64() uint64 { return f.number(10) }
func (f *numbers) int64() int64   { return f.signed(math.MaxInt64) }
func (f *numbers) int32() int32   { return int32(f.signed(math.MaxInt32)) }
func (f *numbers) key() uint32    { return uint32(f.int32()) }

func (f *numbers) id() int {
	id := f.int32()
	f.bad = f.bad || id < 0
	return int(id)
}

func (f *numbers) uint32(base uint64) uint32 {
	n := f.number(base)
	f.bad = f.bad || n > math.MaxUint32
	return uint32(n)
}

func (f *numbers) mode() uint32 { return f.uint32(8) }

func (f *numbers) owners(p *IPCPerm) {
	p.UID, p.GID = f.uint32(10), f.uint32(10)
	p.CUID, p.CGID = f.uint32(10), f.uint32(10)
}
