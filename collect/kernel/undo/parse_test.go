package undo

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func undoText(tb testing.TB, parts ...any) []byte {
	tb.Helper()
	var b bytes.Buffer
	for _, p := range parts {
		if err := binary.Write(&b, binary.NativeEndian, p); err != nil {
			tb.Fatal(err)
		}
	}
	return b.Bytes()
}

func TestParseUndos(t *testing.T) {
	one := undoHeader{List: 0xffff888000000000, Start: 1, IPCNS: 4026531839, PID: 7, TID: 8,
		Comm: [16]byte{'a', 0xff, '\n'}}
	two := undoHeader{PID: 9, TID: 9}
	entry, end, cut := undoEntry{5, 1, -2}, undoEntry{SemID: -1}, undoEntry{SemID: -1, Num: 1}
	text := undoText(t, one, entry, entry, cut, two, end)
	got, err := parseUndos(text)
	want := []undoTask{{undoHeader: one, entries: []undoEntry{entry, entry}, truncated: true}, {undoHeader: two}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(undoTask{}),
		cmpopts.IgnoreFields(undoHeader{}, "_")); diff != "" ||
		err != nil {
		t.Error(err, diff)
	}
	for n := range text {
		if n == len(text)-hdrSize-undoEntrySize || n == 0 {
			continue // a whole task, or nothing
		}
		if got, err := parseUndos(text[:n]); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%d bytes are read as %v, %v", n, got, err)
		}
	}
}

func FuzzParseUndos(f *testing.F) {
	f.Add(undoText(f, undoHeader{List: 1, PID: 7}, undoEntry{5, 1, -2}, undoEntry{SemID: -1}))
	f.Add([]byte("\xff"))
	f.Fuzz(func(t *testing.T, text []byte) {
		tasks, err := parseUndos(text)
		size := 0
		for _, task := range tasks {
			size += hdrSize + (len(task.entries)+1)*undoEntrySize
			for _, u := range task.undos(0) {
				if u.SemID < 0 || len(u.Adj) == 0 {
					t.Errorf("%+v", u)
				}
			}
		}
		if err == nil && size != len(text) {
			t.Errorf("%d bytes of %d", size, len(text))
		}
	})
}
