package process

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/scan"
)

// Lines as Linux 6.18 writes them on amd64.
const (
	semopLine = "220 0x5 0x7ffd2a1c5f0a 0x1 0x0 0x0 0x0 0x7ffd2a1c5ed8 0x7f3b1c90f2d7\n"
	// Stack and code of ARM and i386 tasks are below 4 GiB.
	compatLine = "220 0x3 0xffb0 0x8000 0x0 0x0 0x0 0xffc5d7b0 0xf7f3b589\n"
)

func TestParseSyscall(t *testing.T) {
	got, err := ParseSyscall([]byte(semopLine))
	want := BlockedCall{NR: 220, Args: [6]uint64{5, 0x7ffd2a1c5f0a, 1}, SP: 0x7ffd2a1c5ed8, PC: 0x7f3b1c90f2d7}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
	for text, want := range map[string]error{
		"running\n":                     errNotBlocked,
		"-1 0x7ffd2a1c5ed8 0x7f3b1c9\n": errNotBlocked,
		compatLine:                      errNotBlocked,
		"":                              scan.ErrShort,
		"220 0x5\n":                     scan.ErrShort,
		"220 5 6 7 8 9 10 11 12\n":      scan.ErrShort,
		"x 0x0 0x0 0x0 0x0 0x0 0x0 0x7ffd2a1c5ed8 0x7f3b1c90f2d7\n": scan.ErrShort,
		"1 0x0 0x0 0x0 0x0 0x0 0x0 0x10000000000000000 0x0\n":       scan.ErrShort,
	} {
		if _, err := ParseSyscall([]byte(text)); !errors.Is(err, want) {
			t.Errorf("%q: error %v, want %v", text, err, want)
		}
	}
}

func TestParseTask(t *testing.T) {
	for text, want := range map[string]TaskIn{
		"running\n":                             OnCPU,
		"-1 0x7ffd2a1c5ed8 0x7f3b1c9\n":         OutsideCall,
		"-1 0x0 0x7f3b1c9\n":                    OutsideCall,
		"-1 0x0 0x0\n":                          Ended,
		compatLine:                              Foreign32,
		semopLine:                               InCall,
		"426 0x3 0x1 0x0 0x0 0x0 0x0 0x0 0x0\n": Worker, // a worker of io_uring
	} {
		if in, c, err := parseTask([]byte(text)); in != want || err != nil || (c != BlockedCall{}) != (in == InCall) {
			t.Errorf("%q: %d, %+v, %v, want %d", text, in, c, err, want)
		}
	}
}

func TestSysVCallOfBlockedCall(t *testing.T) {
	type named struct {
		Call string
		ID   int
		OK   bool
	}
	for nr, want := range map[int]named{
		unix.SYS_MSGSND: {"msgsnd", 7, true}, unix.SYS_MSGRCV: {"msgrcv", 7, true},
		unix.SYS_SEMOP: {"semop", 7, true}, unix.SYS_SEMTIMEDOP: {"semop", 7, true}, unix.SYS_FUTEX: {"", 7, false},
	} {
		// An id is an int: the upper half of its register means nothing.
		c := BlockedCall{NR: nr, Args: [6]uint64{0xffffffff00000007}}
		var got named
		got.Call, got.ID, got.OK = c.SysV()
		if got != want || IPCCalls(nr) != want.OK {
			t.Errorf("call %d: %v, want %v", nr, got, want)
		}
	}
}

func FuzzParseSyscall(f *testing.F) {
	for _, seed := range []string{semopLine, compatLine, "running\n", "-1 0x7ffd2a1c5ed8 0x7f3b1c9\n", "-1 0x0 0x0\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := ParseSyscall(text)
		if err == nil && (c.NR < 0 || c.SP>>32 == 0 && c.PC>>32 == 0) {
			t.Errorf("%q gave %+v", text, c)
		}
		if in, c, err := parseTask(text); (err != nil || in != InCall) && c != (BlockedCall{}) {
			t.Errorf("%q gave %d with %+v, %v", text, in, c, err)
		}
	})
}
