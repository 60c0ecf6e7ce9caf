package kernel

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
)

// errMalformed is what a parser says of a line that no kernel writes.
var errMalformed = errors.New("malformed")

// The lines of /proc/sysvipc (the show functions of ipc/msg.c, ipc/sem.c and ipc/shm.c) are decimal numbers between
// blanks, perms octal, below one line of headings. Keys are signed.

// msgRow reads a line of /proc/sysvipc/msg.
func msgRow(f *numbers, q *MsgQueue) {
	q.Key, q.ID, q.Mode = f.key(), f.id(), f.mode()
	q.CBytes, q.QNum = f.uint64(), f.uint64()
	q.LSPid, q.LRPid = f.int32(), f.int32()
	f.owners(&q.IPCPerm)
	q.STime, q.RTime, q.CTime = f.int64(), f.int64(), f.int64()
}

// semRow reads a line of /proc/sysvipc/sem.
func semRow(f *numbers, s *SemSet) {
	s.Key, s.ID, s.Mode = f.key(), f.id(), f.mode()
	s.NSems = f.uint64()
	f.owners(&s.IPCPerm)
	s.OTime, s.CTime = f.int64(), f.int64()
}

// shmRow reads a line of /proc/sysvipc/shm.
func shmRow(f *numbers, s *ShmSegment) {
	s.Key, s.ID, s.Mode = f.key(), f.id(), f.mode()
	s.Size = f.uint64()
	s.CPid, s.LPid = f.int32(), f.int32()
	s.NAttch = f.uint64()
	f.owners(&s.IPCPerm)
	s.ATime, s.DTime, s.CTime = f.int64(), f.int64(), f.int64()
	if f.more() {
		s.RSS, s.Swap, s.HasRSS = clampRSS(f.uint64(), s.Size, PageSize()), f.uint64(), true
	}
}

// clampRSS cuts a resident size to the segment's pages. For a hugetlb segment the kernel multiplies a count that is
// already in small pages by the pages of a huge one (shm_add_rss_swap, ipc/shm.c): 512 times too much on amd64.
func clampRSS(rss, size, page uint64) uint64 {
	if over := size % page; over != 0 && size <= math.MaxUint64-page {
		size += page - over
	}
	return min(rss, size)
}

// table collects rows from a file that arrives in pieces.
type table[T any] struct {
	row   func(*numbers, *T)
	rows  []T
	lines int     // read so far, the headings among them
	f     numbers // one for all lines: what row is given escapes to the heap
}

// add reads whole lines; only the last may lack its newline. An error names the line; the rows above it stay.
func (t *table[T]) add(data []byte) error {
	for len(data) > 0 {
		t.f.rest, data, _ = bytes.Cut(data, []byte{'\n'})
		if t.lines++; t.lines == 1 {
			continue
		}
		var none T
		t.rows = append(t.rows, none)
		last := len(t.rows) - 1
		if t.row(&t.f, &t.rows[last]); t.f.bad {
			t.rows = t.rows[:last]
			return fmt.Errorf("line %d: %w", t.lines, errMalformed)
		}
	}
	return nil
}

// read takes a file of any size through one buffer: reading a table of 32,000 queues at once took half as long again.
func (t *table[T]) read(r io.Reader) error {
	buf := make([]byte, 64<<10)
	held := 0 // bytes of a line whose end has not come yet
	for {
		n, err := r.Read(buf[held:])
		held += n
		whole := bytes.LastIndexByte(buf[:held], '\n') + 1
		switch {
		case err == io.EOF:
			return t.add(buf[:held])
		case err != nil:
			return err
		case whole == 0 && held == len(buf):
			return fmt.Errorf("line %d: %w", t.lines+1, errMalformed) // longer than any that a kernel writes
		}
		if err := t.add(buf[:whole]); err != nil {
			return err
		}
		held = copy(buf, buf[whole:held])
	}
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
