package utillinux

import (
	"math"
	"math/bits"
	"strings"
	"syscall"
)

// parseSize reads a number of bytes as util-linux does: 4096, 0x1000, 4K, 4KiB (1024), 4KB (1000), up to Y. A number
// with a unit may have a fraction. The error is EINVAL for any other text, and ERANGE for a size that does not fit 64
// bits.
func parseSize(text string) (uint64, error) {
	t := strings.TrimLeft(text, blank)
	if t == "" || t[0] == '-' {
		return 0, syscall.EINVAL
	}
	n, rest, err := strtoul(text, 0)
	switch {
	case err != nil:
		return 0, err
	case rest == text:
		return 0, syscall.EINVAL
	case rest == "":
		return n, nil
	}
	var f fraction
	if rest[0] == '.' {
		if f, rest, err = parseFraction(rest[1:]); err != nil {
			return 0, err
		}
	}
	power, base, ok := parseUnit(rest)
	if !ok {
		return 0, syscall.EINVAL
	}
	unit := uint64(1)
	for range power {
		high, low := bits.Mul64(n, base)
		if high != 0 {
			return 0, syscall.ERANGE
		}
		n = low
		if high, unit = bits.Mul64(unit, base); high != 0 && f.digits != 0 {
			return 0, syscall.ERANGE
		}
	}
	return n + f.partOf(unit), nil
}

// parseUnit reads a unit such as K, KiB or KB. ok is false for any other text.
func parseUnit(text string) (power int, base uint64, ok bool) {
	if text == "" {
		return 0, 0, false
	}
	power = strings.IndexByte("KMGTPEZY", text[0]&^0x20) + 1
	switch text[1:] {
	case "", "iB", "ib":
		base = 1024
	case "B", "b":
		base = 1000
	}
	return power, base, power > 0 && base > 0
}

// fraction holds the digits after the point: their value, and the number of zeros before it.
type fraction struct {
	digits uint64
	zeros  int
}

// parseFraction reads the digits after the point. rest begins with the unit.
func parseFraction(text string) (f fraction, rest string, err error) {
	rest = strings.TrimLeft(text, "0")
	f.zeros = len(text) - len(rest)
	if rest != "" && digit(rest[0]) < 10 {
		f.digits, rest, err = strtoul(rest, 10)
	}
	return f, rest, err
}

// partOf gives the fraction of a unit. Like util-linux it works digit by digit and cuts every quotient: .3 is a third
// of the unit, and .7 and .10 are the whole unit. So scripts with such sizes get the same segments as before.
func (f fraction) partOf(unit uint64) uint64 {
	parts := uint64(10)
	for parts < f.digits && parts < math.MaxUint64/10 {
		parts *= 10
	}
	for range f.zeros {
		parts *= 10
	}
	sum, place := uint64(0), uint64(1)
	for rest := f.digits; rest > 0; rest /= 10 {
		if seg := rest % 10; seg != 0 {
			if share := parts / place / seg; share != 0 {
				sum += unit / share
			}
		}
		place *= 10
	}
	return sum
}
