package process

import (
	"math"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/fdinfo"
)

func TestLockRange(t *testing.T) {
	type answer struct {
		Mode       string
		Start, End uint64
		OK         bool
	}
	for lock, want := range map[unix.Flock_t]answer{
		{Type: unix.F_WRLCK}:                                           {"WRITE", 0, fdinfo.EOF, true},
		{Type: unix.F_RDLCK, Start: 10, Len: 5}:                        {"READ", 10, 14, true},
		{Type: unix.F_WRLCK, Start: 10, Len: -4}:                       {"WRITE", 6, 9, true},
		{Type: unix.F_WRLCK, Start: 10, Len: math.MaxInt64}:            {"WRITE", 10, fdinfo.EOF, true},
		{Type: unix.F_WRLCK, Start: 1, Len: -4}:                        {},
		{Type: unix.F_UNLCK}:                                           {},
		{Type: unix.F_WRLCK, Start: -1}:                                {},
		{Type: unix.F_WRLCK, Start: math.MinInt64, Len: math.MinInt64}: {},
		{Type: unix.F_WRLCK, Start: math.MaxInt64, Len: 1}:             {"WRITE", math.MaxInt64, fdinfo.EOF, true},
		{Type: unix.F_WRLCK, Start: math.MaxInt64 - 1, Len: 1}: {"WRITE", math.MaxInt64 - 1, math.MaxInt64 - 1,
			true},
		{Type: unix.F_WRLCK, Start: math.MaxInt64, Len: -math.MaxInt64}:    {"WRITE", 0, math.MaxInt64 - 1, true},
		{Type: unix.F_WRLCK, Start: math.MaxInt64, Len: math.MinInt64 + 1}: {"WRITE", 0, math.MaxInt64 - 1, true},
	} {
		var got answer
		var err error
		got.Mode, got.Start, got.End, err = lockRange(lock)
		if got.OK = err == nil; got != want {
			t.Errorf("%+v: %+v, want %+v", lock, got, want)
		}
	}
}
