package kerneltest

import (
	"testing"
	"time"
)

// Eventually waits until a condition holds, for ten seconds at most; then the test fails with what was awaited.
func Eventually(tb testing.TB, what string, holds func() bool) {
	tb.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	limit := time.After(10 * time.Second)
	for !holds() {
		select {
		case <-tick.C:
		case <-limit:
			tb.Fatal("not within 10 s: ", what)
		}
	}
}
