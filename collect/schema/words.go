package schema

import (
	"fmt"
	"strings"
)

// number is any type that counts things.
type number interface {
	~int | ~int32 | ~int64 | ~uint32 | ~uint64
}

// Counted writes a number and its noun: "1 process", "3 processes".
func Counted[N number](n N, noun string) string {
	return fmt.Sprintf("%d %s", n, Plural(n, noun, pluralOf(noun)))
}

// Plural chooses between two phrases: one if n is 1, else many.
func Plural[N number](n N, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// pluralOf makes a noun's plural by rule: queues, processes, directories; but days.
func pluralOf(noun string) string {
	stem, hasY := strings.CutSuffix(noun, "y")
	switch {
	case hasY && strings.LastIndexAny(stem, "aeiou") != len(stem)-1:
		return stem + "ies"
	case strings.HasSuffix(noun, "s"):
		return noun + "es"
	}
	return noun + "s"
}
