package kerneltest

import (
	"testing"
	"time"
)

// Patience is how long tests wait for what has to happen: a slow machine with other work to do needs seconds for what
// others do at once.
const Patience = 30 * time.Second

// Eventually waits until a condition holds, for Patience at most; then the test fails with what was awaited.
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

// EventuallySame waits until compare finds no difference, for Patience at most; then the test fails with the last one
// (-want +got).
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
