package scan

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
)

// ErrShort is the parsers' error for a line that ends too early.
var ErrShort = errors.New("truncated or malformed line")

// Fields reads blank-separated fields. The first field that is missing, or is no number, sets Bad.
type Fields struct {
	Rest []byte
	Bad  bool
}

// Next returns the next field.
func (f *Fields) Next() []byte {
	f.Rest = bytes.TrimLeft(f.Rest, " \t\n")
	i := bytes.IndexAny(f.Rest, " \t\n")
	if i < 0 {
		i = len(f.Rest)
	}
	field := f.Rest[:i]
	f.Rest = f.Rest[i:]
	if len(field) == 0 {
		f.Bad = true
	}
	return field
}

// Skip skips n fields.
func (f *Fields) Skip(n int) {
	for range n {
		f.Next()
	}
}

// Int reads a decimal number with or without a sign.
func (f *Fields) Int() int {
	n, err := strconv.ParseInt(string(f.Next()), 10, 64)
	f.Bad = f.Bad || err != nil
	return int(n)
}

// Uint reads a decimal number without a sign.
func (f *Fields) Uint() uint64 {
	n, err := strconv.ParseUint(string(f.Next()), 10, 64)
	f.Bad = f.Bad || err != nil
	return n
}

// Hex reads a hexadecimal number.
func (f *Fields) Hex() uint64 {
	n, err := strconv.ParseUint(string(f.Next()), 16, 64)
	f.Bad = f.Bad || err != nil
	return n
}

// Named reads the next field, "name:hex".
func (f *Fields) Named(name string) uint64 {
	digits, ok := bytes.CutPrefix(f.Next(), []byte(name))
	n, err := strconv.ParseUint(string(digits), 16, 64)
	f.Bad = f.Bad || !ok || err != nil
	return n
}

// Line finds the line "name: value" and returns the value without blanks around it. ok is false if the text has no
// such line, or cuts it off.
func Line(text []byte, name string) (value []byte, ok bool) {
	for line := range bytes.Lines(text) {
		if rest, has := bytes.CutPrefix(line, []byte(name)); has && len(rest) > 0 && rest[0] == ':' {
			return bytes.TrimSpace(rest[1:]), rest[len(rest)-1] == '\n'
		}
	}
	return nil, false
}

// HexPair reads two hexadecimal numbers with sep between them: "7f0012-7f0034", "fd:01".
func HexPair(b []byte, sep byte) (x, y uint64, ok bool) {
	l, r, ok := strings.Cut(string(b), string(sep))
	if !ok {
		return 0, 0, false
	}
	x, err1 := strconv.ParseUint(l, 16, 64)
	y, err2 := strconv.ParseUint(r, 16, 64)
	return x, y, err1 == nil && err2 == nil
}

// Atoi reads a decimal number of at most nine digits, without allocating.
func Atoi(b []byte) (int, bool) {
	if len(b) == 0 || len(b) > 9 {
		return 0, false
	}
	n := 0
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}

// LinkInode is the number in a link's text, for example "pipe:[8841]", "socket:[12]" or "ipc:[4026531839]".
func LinkInode(target []byte) (uint64, bool) {
	open := bytes.IndexByte(target, '[')
	if open < 1 || target[len(target)-1] != ']' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(target[open+1:len(target)-1]), 10, 64)
	return n, err == nil
}
