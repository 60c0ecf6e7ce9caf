package actions

import (
	"testing"

	"github.com/ipctop/ipctop/collect/kernel/sysv"
)

// The time between the last look and the removal, without the two system calls.
func BenchmarkBetweenLookAndRemoval(b *testing.B) {
	seg := sysv.ShmSegment{IPCPerm: sysv.IPCPerm{ID: 7, Key: 0x11, Mode: 0o600}, Size: 4096, CPid: 9, CTime: 1}
	do := guarded(seg, func() (sysv.ShmSegment, error) { return seg, nil }, shmFacts, func() error { return nil },
		"removed")
	for b.Loop() {
		if _, err := do(); err != nil {
			b.Fatal(err)
		}
	}
}

// A look that differs is refused, even where no word tells the difference.
func TestGuarded(t *testing.T) {
	shown := sysv.ShmSegment{Size: 1}
	done := false
	for now, want := range map[sysv.ShmSegment]string{
		{Size: 1}:         "",
		{Size: 2}:         "changed since it was shown: size was 1, is 2: look at it again",
		{Size: 1, RSS: 1}: "changed since it was shown: its values are others: look at it again",
	} {
		done = false
		_, err := guarded(shown, func() (sysv.ShmSegment, error) { return now, nil }, shmFacts,
			func() error { done = true; return nil }, "removed")()
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != want || done != (want == "") {
			t.Errorf("%+v: %q, done %v; want %q", now, got, done, want)
		}
	}
}
