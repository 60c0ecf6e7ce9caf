package fdinfo

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// Lines of Linux 6.18. It indents a waiter of a waiter once more.
const locksText = `1: LEASE  BREAKING  READ 4656 fe:00:9983189 0 EOF
1: -> LEASE  BREAKER   WRITE 4700 <none>:0 0 EOF
2: OFDLCK ADVISORY  WRITE -1 fe:00:9983188 0 99
2: -> OFDLCK ADVISORY  READ -1 fe:00:9983188 50 59
2:  -> OFDLCK ADVISORY  WRITE -1 fe:00:9983188 50 EOF
3: POSIX  ADVISORY  READ 4656 00:1f5:9983187 5 9223372036854775806
4: FLOCK  ADVISORY  WRITE 4656 fe:00:9983185 0 EOF
`

func TestParseLocks(t *testing.T) {
	lock := func(class, state, mode string, pid int, dev, ino, start, end uint64) FileLock {
		return FileLock{class, state, mode, pid, dev, ino, start, end}
	}
	root := unix.Mkdev(0xfe, 0)
	want := []HeldLock{
		{lock("LEASE", "BREAKING", "READ", 4656, root, 9983189, 0, EOF),
			[]FileLock{lock("LEASE", "BREAKER", "WRITE", 4700, 0, 0, 0, EOF)}},
		{lock("OFDLCK", "ADVISORY", "WRITE", -1, root, 9983188, 0, 99), []FileLock{
			lock("OFDLCK", "ADVISORY", "READ", -1, root, 9983188, 50, 59),
			lock("OFDLCK", "ADVISORY", "WRITE", -1, root, 9983188, 50, EOF)}},
		{lock("POSIX", "ADVISORY", "READ", 4656, unix.Mkdev(0, 0x1f5), 9983187, 5, math.MaxInt64-1), nil},
		{lock("FLOCK", "ADVISORY", "WRITE", 4656, root, 9983185, 0, EOF), nil},
	}
	got, err := ParseLocks([]byte(locksText))
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
	got, err = ParseLocks([]byte(locksText + "5: POSIX  ADVISORY  READ 4656 <none>:1 0 EOF\n6: POSIX"))
	if diff := cmp.Diff(want, got); diff != "" || err == nil || !strings.HasPrefix(err.Error(), "line 8: ") {
		t.Error(err, diff)
	}
	if r := []string{want[1].Range(), want[0].Range()}; !cmp.Equal(r, []string{"0-99", "0-EOF"}) {
		t.Error(r)
	}
	fdinfo := "pos:\t0\nflags:\t02\nlock:\t1: " + strings.TrimPrefix(strings.Split(locksText, "\n")[2], "2: ") +
		"\nlock:\t2: POSIX"
	if diff := cmp.Diff([]FileLock{want[1].FileLock}, ParseFDInfoLocks([]byte(fdinfo))); diff != "" {
		t.Error(diff)
	}
}

func FuzzParseLocks(f *testing.F) {
	f.Add([]byte(locksText))
	f.Add([]byte("0: -> 0 0 0 0 0:0:0 0 0\n0: 0 0 0 0 0:0:0 0 EOF\n"))
	f.Add([]byte("1: POSIX  *NOINODE* WRITE 1 <none>:0 0 EOF\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		locks, err := ParseLocks(text)
		lines := 0
		for _, l := range locks {
			lines += 1 + len(l.Waiters)
			if l.Class == "" || l.Mode == "" || l.End > math.MaxInt64 && l.End != EOF {
				t.Errorf("%q gave %+v", text, l)
			}
		}
		if all := strings.Count(string(text), "\n"); lines > all || err == nil && len(locks) > 0 && lines != all {
			t.Errorf("%d of %d lines without an error", lines, all)
		}
		ParseFDInfoLocks(text)
	})
}
