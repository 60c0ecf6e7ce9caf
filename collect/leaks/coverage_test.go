package leaks

import (
	"testing"
	"time"
)

// The clock was set forward by two days in all, perhaps in several steps. The steps since a moment add up to at most
// the time from the moment to now.
func TestDoubtAfterTheClockWasSet(t *testing.T) {
	now := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	l := tick{skew: 48 * time.Hour}
	for ago, want := range map[time.Duration]time.Duration{-time.Hour: 0, time.Hour: time.Hour,
		47 * time.Hour: 47 * time.Hour, 48 * time.Hour: 48 * time.Hour, 50 * time.Hour: 48 * time.Hour} {
		if got := l.doubt(now, now.Add(-ago)); got != want {
			t.Errorf("%s ago: %s, want %s", ago, got, want)
		}
	}
	if got := (&tick{}).doubt(now, now.Add(-time.Hour)); got != 0 {
		t.Errorf("a clock that was not set leaves %s of doubt", got)
	}
}

// If the clock was set forward, a container's first process seems younger than its /proc. A late mount of /proc proves
// nothing about the time before it.
func TestSkewOfProc(t *testing.T) {
	type told struct {
		Skew   time.Duration
		Proven bool
	}
	mounted := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for by, want := range map[time.Duration]told{-time.Hour: {}, -time.Second: {0, true}, 0: {0, true},
		10 * time.Millisecond: {0, true}, time.Hour: {time.Hour, false}} {
		var got told
		if got.Skew, got.Proven = skewOfProc(mounted.Add(by), mounted); got != want {
			t.Errorf("set by %v: %+v", by, got)
		}
	}
}
