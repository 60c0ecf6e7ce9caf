package views

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/ipctop/ipctop/collect/schema"
)

// ParseDuration reads Go's durations ("1h30m"), and whole days and weeks ("7d", "2w").
func ParseDuration(s string) (time.Duration, error) {
	for unit, span := range map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour} {
		if digits, ok := strings.CutSuffix(s, unit); ok {
			n, err := strconv.ParseFloat(digits, 64)
			if n *= float64(span); err == nil && math.Abs(n) < math.MaxInt64 { // false for NaN
				return time.Duration(n), nil
			}
		}
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, &UsageError{quote(s) + " is no duration: say 90s, 5m, 1h30m, 7d"}
	}
	return d, nil
}

// ParseSize is schema.ParseSize.
func ParseSize(s string) (uint64, error) {
	n, err := schema.ParseSize(s)
	if err != nil {
		return 0, &UsageError{err.Error()}
	}
	return n, nil
}
