package schema

import (
	"cmp"
	"strconv"
)

// Via is the way of an Edge, in words: "fd 3", "semop [2] -1", "2 mappings". It keeps numbers as numbers: the words
// are made when an output writes them. A snapshot has tens of thousands of edges, and shows few.
type Via struct {
	text   string
	n      int32
	thread int32 // 0: none
	form   viaForm
}

// viaForm tells what the numbers of a Via mean, and where the text stands.
type viaForm uint8

const (
	viaWords    viaForm = iota // the text alone
	viaFD                      // text, descriptor n, and the thread that has its own table
	viaFDEvents                // descriptor n, text
	viaMappings                // n mappings
)

// InWords is a way that is words already.
func InWords(text string) Via { return Via{text: text} }

// OnFD is a way through a descriptor. thread is the thread whose own table has it, 0 for the process's table.
func OnFD(num, thread int) Via { return Via{form: viaFD, n: int32(num), thread: int32(thread)} }

// AtSide names the side of an object to which the descriptor of OnFD leads: "master fd 3".
func (v Via) AtSide(side string) Via {
	v.text = side
	return v
}

// EventsOnFD is the way of an epoll instance that waits for events on a descriptor: "fd 3 in,et".
func EventsOnFD(num int, events string) Via {
	return Via{form: viaFDEvents, n: int32(num), text: events}
}

// ByMappings is a number of mappings: "2 mappings".
func ByMappings(n int) Via { return Via{form: viaMappings, n: int32(n)} }

// Append writes the words.
func (v Via) Append(b []byte) []byte {
	switch v.form {
	case viaFD:
		if v.text != "" {
			b = append(append(b, v.text...), ' ')
		}
		b = strconv.AppendInt(append(b, "fd "...), int64(v.n), 10)
		if v.thread != 0 {
			b = strconv.AppendInt(append(b, " of thread "...), int64(v.thread), 10)
		}
		return b
	case viaFDEvents:
		b = strconv.AppendInt(append(b, "fd "...), int64(v.n), 10)
		return append(append(b, ' '), v.text...)
	case viaMappings:
		b = strconv.AppendInt(b, int64(v.n), 10)
		return append(b, Plural(v.n, " mapping", " mappings")...)
	}
	return append(b, v.text...)
}

// String is the words. They may hold untrusted bytes.
func (v Via) String() string {
	if v.form == viaWords {
		return v.text
	}
	return string(v.Append(nil))
}

// Equal is true for the same words. go-cmp uses it.
func (v Via) Equal(o Via) bool { return v == o || v.String() == o.String() }

// Compare orders by the words.
func (v Via) Compare(o Via) int {
	if v == o {
		return 0
	}
	return cmp.Compare(v.String(), o.String())
}
