package schema

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// ParseSize reads a number of bytes. Its unit may be a power of 1024 (K, M, G, T, P, E, each also with iB) or of 1000
// (KB, MB, …).
func ParseSize(s string) (uint64, error) {
	fail := fmt.Errorf("%s is no size: say 4096, 64K, 1.5M, 2G", strconv.Quote(s))
	end := strings.IndexFunc(s, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
	if end < 0 {
		end = len(s)
	}
	n, err := strconv.ParseFloat(s[:end], 64)
	if err != nil {
		return 0, fail
	}
	suffix := strings.ToUpper(s[end:])
	base := 1024.0
	if len(suffix) == 2 && suffix[1] == 'B' {
		base = 1000
	}
	power := 0
	if suffix != "" && suffix != "B" {
		power = strings.Index("KMGTPE", suffix[:1]) + 1
		if rest := suffix[1:]; power == 0 || rest != "" && rest != "B" && rest != "IB" {
			return 0, fail
		}
	}
	n *= math.Pow(base, float64(power))
	if n >= math.MaxUint64 {
		return 0, fail
	}
	return uint64(n), nil
}
