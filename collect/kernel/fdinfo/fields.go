package fdinfo

import (
	"strconv"

	"github.com/ipctop/ipctop/collect/kernel/scan"
)

// Uint reads the field "name: 123" of fdinfo. base is that of the digits. ok is false where the field is missing, is
// cut off or is no number.
func Uint(text []byte, name string, base int) (n uint64, ok bool) {
	value, ok := scan.Line(text, name)
	n, err := strconv.ParseUint(string(value), base, 64)
	return n, ok && err == nil
}

// Int reads the decimal field "name: -123" of fdinfo. ok is false where the field is missing, is cut off or is no
// number.
func Int(text []byte, name string) (n int64, ok bool) {
	value, ok := scan.Line(text, name)
	n, err := strconv.ParseInt(string(value), 10, 64)
	return n, ok && err == nil
}

// Word reads the field "name: text" of fdinfo. The text is untrusted bytes. ok is false where the field is missing or
// is cut off.
func Word(text []byte, name string) (word string, ok bool) {
	value, ok := scan.Line(text, name)
	return string(value), ok
}
