package utillinux

import (
	"errors"
	"math"
	"math/bits"
	"strconv"
	"strings"
	"syscall"
)

// blank are the characters that strtol skips before a number (isspace in the C locale).
const blank = " \t\n\v\f\r"

// errNotNumber is a text that is no number; syscall.ERANGE one that does not fit.
var errNotNumber = errors.New("not a number")

// int32Arg reads a decimal number as util-linux's strtos32_or_err does: blanks and a sign may stand before it,
// nothing after it.
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

// failNumber says that an argument was no number, with the reason where there is one besides that.
func (s *session) failNumber(what, text string, err error) int {
	if errors.Is(err, errNotNumber) {
		return s.fail("%s: '%s'", what, text)
	}
	return s.fail("%s: '%s': %s", what, text, strerror(err))
}

// strtoul reads a C number: base 10 or 8, or 0 for 0x, 0 and decimal by its beginning. A minus negates modulo 2^64.
// rest is what stands after it, the whole text if there is no number. ERANGE if it does not fit.
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

// digit is a letter's or digit's value, 99 for anything else.
func digit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'z':
		return int(c|0x20-'a') + 10
	}
	return 99
}

// humanSize writes a number of bytes with one letter for its power of 1024 and at most one decimal, rounded: 1.5K, 16E.
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
