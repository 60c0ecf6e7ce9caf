package kerneltest

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

// Random gives a test's random numbers. If the test fails, it prints how to repeat them. The seed is no flag, because a
// flag would not reach the child process of the test.
func Random(tb testing.TB) *rand.Rand {
	tb.Helper()
	n, err := strconv.ParseUint(os.Getenv("IPCTOP_TEST_SEED"), 10, 64)
	if err != nil {
		n = uint64(time.Now().UnixNano())
	}
	tb.Cleanup(func() {
		if tb.Failed() {
			tb.Logf("the random numbers were those of IPCTOP_TEST_SEED=%d", n)
		}
	})
	return rand.New(rand.NewPCG(n, 0))
}

// Rounds is how often a random test builds a new scene: short times, or long times if IPCTOP_LONG is set.
func Rounds(short, long int) int {
	if os.Getenv("IPCTOP_LONG") != "" {
		return long
	}
	return short
}
