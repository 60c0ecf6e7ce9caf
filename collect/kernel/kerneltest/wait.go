package kerneltest

import (
	"testing"
	"time"
)

// Patience is the longest wait for an event that must come. A slow machine under load needs seconds for it.
const Patience = 30 * time.Second

// Eventually waits until a condition holds, at most for Patience. Then it fails the test and names what it waited
// for.
func Eventually(tb testing.TB, what string, holds func() bool) {
	tb.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	limit := time.After(Patience)
	for !holds() {
		select {
		case <-tick.C:
		case <-limit:
			tb.Fatalf("not within %v: %s", Patience, what)
		}
	}
}

// EventuallySame waits until compare finds no difference, at most for Patience. Then it fails the test with the last
// difference (-want +got).
func EventuallySame(tb testing.TB, compare func() (diff string)) {
	tb.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(Patience)
	for {
		diff := compare()
		if diff == "" {
			return
		}
		select {
		case <-tick.C:
		case <-limit:
			tb.Fatalf("not within %v (-want +got):\n%s", Patience, diff)
		}
	}
}
