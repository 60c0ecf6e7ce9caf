package utillinux

import (
	"errors"
	"math"
	"math/bits"
	"strconv"
	"strings"
	"syscall"
)

// blank holds the characters that strtol skips before a number (isspace in the C locale).
const blank = " \t\n\v\f\r"

// errNotNumber means that a text is no number. syscall.ERANGE means that a number does not fit.
var errNotNumber = errors.New("not a number")

// int32Arg reads a decimal number as util-linux's strtos32_or_err does. Blanks and a sign may stand before the number,
// and nothing after it. The error is errNotNumber or ERANGE.
func int32Arg(text string) (int, error) {
	n, err := strconv.ParseInt(strings.TrimLeft(text, blank), 10, 64)
	switch {
	case errors.Is(err, strconv.ErrRange), err == nil && (n < math.MinInt32 || n > math.MaxInt32):
		return 0, syscall.ERANGE
	case err != nil:
		return 0, errNotNumber
	}
	return int(n), nil
}

// failNumber says that an argument is no number. It adds the reason if the error is not errNotNumber. It gives the exit
// code.
func (s *session) failNumber(what, text string, err error) int {
	if errors.Is(err, errNotNumber) {
		return s.fail("%s: '%s'", what, text)
	}
	return s.fail("%s: '%s': %s", what, text, strerror(err))
}

// strtoul reads a number like C's strtoul (man 3 strtoul). With base 0, a number with 0x is hexadecimal, a number
// with 0 is octal, and any other number is decimal. A minus negates modulo 2^64. rest is the text after the number;
// without a number it is the whole text. The error is ERANGE if the number does not fit 64 bits.
func strtoul(text string, base int) (n uint64, rest string, err error) {
	t := strings.TrimLeft(text, blank)
	negative := strings.HasPrefix(t, "-")
	if negative || strings.HasPrefix(t, "+") {
		t = t[1:]
	}
	if base == 0 || base == 16 {
		if len(t) > 2 && t[0] == '0' && t[1]|0x20 == 'x' && digit(t[2]) < 16 {
			base, t = 16, t[2:]
		} else if base == 0 && strings.HasPrefix(t, "0") {
			base = 8
		} else if base == 0 {
			base = 10
		}
	}
	i := 0
	for ; i < len(t) && digit(t[i]) < base; i++ {
		high, low := bits.Mul64(n, uint64(base))
		sum, carry := bits.Add64(low, uint64(digit(t[i])), 0)
		if high != 0 || carry != 0 {
			err = syscall.ERANGE
		}
		n = sum
	}
	switch {
	case i == 0:
		return 0, text, nil
	case err != nil:
		return math.MaxUint64, t[i:], err
	case negative:
		n = -n
	}
	return n, t[i:], nil
}

// digit gives the value of a digit or a letter, and 99 for any other character.
func digit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'z':
		return int(c|0x20-'a') + 10
	}
	return 99
}

// humanSize writes a number of bytes with one letter for the power of 1024, rounded to at most one decimal: 1.5K, 16E.
func humanSize(n uint64) string {
	exp := 0
	for exp < 60 && n >= 1<<(exp+10) {
		exp += 10
	}
	whole, rest := n>>exp, n&(1<<exp-1)
	tenths := uint64(0)
	if rest != 0 {
		var thousandths uint64
		if rest >= math.MaxUint64/1000 {
			thousandths = rest / 1024 * 1000 >> (exp - 10)
		} else {
			thousandths = rest * 1000 >> exp
		}
		if tenths = (thousandths + 50) / 100; tenths == 10 {
			whole, tenths = whole+1, 0
		}
	}
	text := strconv.FormatUint(whole, 10)
	if tenths != 0 {
		text += "." + strconv.FormatUint(tenths, 10)
	}
	return text + string("BKMGTPE"[exp/10])
}
