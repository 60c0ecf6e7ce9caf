package sysv

import (
	"bytes"
	"fmt"
	"io"
	"math"

	"github.com/ipctop/ipctop/collect/kernel/scan"
	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// The lines of /proc/sysvipc are decimal numbers between blanks; perms is octal. The first line has headings. Keys
// are signed. The show functions of ipc/msg.c, ipc/sem.c and ipc/shm.c write them.

// msgRow reads a line of /proc/sysvipc/msg.
func msgRow(f *scan.Numbers, q *MsgQueue) {
	q.Key, q.ID, q.Mode = key(f), id(f), mode(f)
	q.CBytes, q.QNum = f.Uint64(), f.Uint64()
	q.LSPid, q.LRPid = f.Int32(), f.Int32()
	owners(f, &q.IPCPerm)
	q.STime, q.RTime, q.CTime = f.Int64(), f.Int64(), f.Int64()
}

// semRow reads a line of /proc/sysvipc/sem.
func semRow(f *scan.Numbers, s *SemSet) {
	s.Key, s.ID, s.Mode = key(f), id(f), mode(f)
	s.NSems = f.Uint64()
	owners(f, &s.IPCPerm)
	s.OTime, s.CTime = f.Int64(), f.Int64()
}

// shmRow reads a line of /proc/sysvipc/shm.
func shmRow(f *scan.Numbers, s *ShmSegment) {
	s.Key, s.ID, s.Mode = key(f), id(f), mode(f)
	s.Size = f.Uint64()
	s.CPid, s.LPid = f.Int32(), f.Int32()
	s.NAttch = f.Uint64()
	owners(f, &s.IPCPerm)
	s.ATime, s.DTime, s.CTime = f.Int64(), f.Int64(), f.Int64()
	if f.More() {
		s.RSS, s.Swap, s.HasRSS = clampRSS(f.Uint64(), s.Size, sys.PageSize()), f.Uint64(), true
	}
}

// clampRSS cuts a resident size to the segment's pages. For a hugetlb segment shm_add_rss_swap (ipc/shm.c) multiplies
// a count of small pages by the pages of a huge page. On amd64 the kernel's number is 512 times too large.
func clampRSS(rss, size, page uint64) uint64 {
	if over := size % page; over != 0 && size <= math.MaxUint64-page {
		size += page - over
	}
	return min(rss, size)
}

// table collects rows from a file that arrives in pieces.
type table[T any] struct {
	row   func(*scan.Numbers, *T)
	rows  []T
	lines int          // lines read so far, with the headings
	f     scan.Numbers // one for all lines: the argument of row escapes to the heap
}

// add reads whole lines. Only the last may lack its newline. An error names the line. The rows above the line stay.
func (t *table[T]) add(data []byte) error {
	for len(data) > 0 {
		t.f.Rest, data, _ = bytes.Cut(data, []byte{'\n'})
		if t.lines++; t.lines == 1 {
			continue
		}
		var none T
		t.rows = append(t.rows, none)
		last := len(t.rows) - 1
		if t.row(&t.f, &t.rows[last]); t.f.Bad {
			t.rows = t.rows[:last]
			return fmt.Errorf("line %d: %w", t.lines, scan.ErrMalformed)
		}
	}
	return nil
}

// read reads a file of any size through one buffer. Reading 32,000 queues into one large buffer took half as long
// again.
func (t *table[T]) read(r io.Reader) error {
	buf := make([]byte, 64<<10)
	held := 0 // bytes of a line whose end is not read yet
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
			return fmt.Errorf("line %d: %w", t.lines+1, scan.ErrMalformed) // longer than any line of a kernel
		}
		if err := t.add(buf[:whole]); err != nil {
			return err
		}
		held = copy(buf, buf[whole:held])
	}
}

func key(f *scan.Numbers) uint32 { return uint32(f.Int32()) }

func id(f *scan.Numbers) int {
	id := f.Int32()
	f.Bad = f.Bad || id < 0
	return int(id)
}

func mode(f *scan.Numbers) uint32 { return f.Uint32(8) }

func owners(f *scan.Numbers, p *IPCPerm) {
	p.UID, p.GID = f.Uint32(10), f.Uint32(10)
	p.CUID, p.CGID = f.Uint32(10), f.Uint32(10)
}
