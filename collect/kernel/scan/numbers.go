package scan

import (
	"errors"
	"math"
)

// ErrMalformed is a parser's error for a line that no kernel writes.
var ErrMalformed = errors.New("malformed")

// Numbers reads the fields of a line one after the other, without allocating. A field that does not parse sets Bad.
// Callers ignore fields that a later kernel appends.
type Numbers struct {
	Rest []byte
	Bad  bool
}

// More is true if another field follows.
func (f *Numbers) More() bool {
	for len(f.Rest) > 0 && f.Rest[0] == ' ' {
		f.Rest = f.Rest[1:]
	}
	return len(f.Rest) > 0
}

// number reads digits of a base up to the next blank.
func (f *Numbers) number(base uint64) uint64 {
	if !f.More() {
		f.Bad = true
		return 0
	}
	var n uint64
	for i, c := range f.Rest {
		d := uint64(c - '0')
		switch {
		case c == ' ' && i > 0:
			f.Rest = f.Rest[i:]
			return n
		case c < '0' || d >= base || n > (math.MaxUint64-d)/base:
			f.Bad, f.Rest = true, nil
			return 0
		}
		n = n*base + d
	}
	f.Rest = nil
	return n
}

// signed reads a decimal number between −limit−1 and limit.
func (f *Numbers) signed(limit uint64) int64 {
	negative := f.More() && f.Rest[0] == '-'
	if negative {
		f.Rest = f.Rest[1:]
	}
	n := f.number(10)
	switch {
	case negative && n <= limit+1:
		return int64(-n)
	case !negative && n <= limit:
		return int64(n)
	}
	f.Bad = true
	return 0
}

// Uint64 reads a decimal number.
func (f *Numbers) Uint64() uint64 { return f.number(10) }

// Int64 reads a decimal number with or without a sign.
func (f *Numbers) Int64() int64 { return f.signed(math.MaxInt64) }

// Int32 reads a decimal number with or without a sign.
func (f *Numbers) Int32() int32 { return int32(f.signed(math.MaxInt32)) }

// Uint32 reads a number of a base.
func (f *Numbers) Uint32(base uint64) uint32 {
	n := f.number(base)
	f.Bad = f.Bad || n > math.MaxUint32
	return uint32(n)
}
