package schema

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Hostile is true for a character that must not reach a screen: a control character, a byte outside UTF-8, a blank
// other than U+0020, and marks that reorder, hide or break text. size is the character's length in bytes.
func Hostile(r rune, size int) bool {
	if r < 0x7f {
		return r < 0x20
	}
	return r == utf8.RuneError && size == 1 || !unicode.IsGraphic(r) || unicode.Is(unicode.Bidi_Control, r) ||
		r == 0xfeff || r == 0xa0 ||
		unicode.Is(unicode.Zs, r)
}

// AppendEscape appends a character of length size, which begins s, as \x1b, \u202e or \U000e0001.
func AppendEscape(b []byte, s string, r rune, size int) []byte {
	digits, letter, n := 2, byte('x'), uint64(s[0])
	switch {
	case r < 0x80 || r == utf8.RuneError && size == 1:
	case r > 0xffff:
		digits, letter, n = 8, 'U', uint64(r)
	default:
		digits, letter, n = 4, 'u', uint64(r)
	}
	b = append(b, '\\', letter)
	for shift := 4 * (digits - 1); shift >= 0; shift -= 4 {
		b = append(b, "0123456789abcdef"[n>>shift&15])
	}
	return b
}

// Printed writes a name so that Unprinted reads exactly the same bytes back. Two names never look alike. A hostile
// character becomes an escape. So does a backslash that would begin one: the name \x1b becomes \x5cx1b. All other
// characters stay, blanks and other backslashes too.
func Printed(name string) string {
	for i := 0; i < len(name); {
		r, n := utf8.DecodeRuneInString(name[i:])
		if Hostile(r, n) || r == '\\' && escapeSize(name[i:]) > 0 {
			return printed(name, i)
		}
		i += n
	}
	return name
}

func printed(name string, clean int) string {
	b := append(make([]byte, 0, len(name)+16), name[:clean]...)
	for i := clean; i < len(name); {
		r, n := utf8.DecodeRuneInString(name[i:])
		if Hostile(r, n) || r == '\\' && escapeSize(name[i:]) > 0 {
			b = AppendEscape(b, name[i:], r, n)
		} else {
			b = append(b, name[i:i+n]...)
		}
		i += n
	}
	return string(b)
}

// Unprinted reads the text of Printed. An escape becomes its byte or character; all other bytes stand for themselves.
func Unprinted(text string) string {
	if !strings.Contains(text, `\`) {
		return text
	}
	b := make([]byte, 0, len(text))
	for i := 0; i < len(text); {
		n := escapeSize(text[i:])
		switch n {
		case 0:
			b, n = append(b, text[i]), 1
		case 4:
			c, _ := strconv.ParseUint(text[i+2:i+n], 16, 8)
			b = append(b, byte(c))
		default:
			r, _ := strconv.ParseUint(text[i+2:i+n], 16, 32)
			b = utf8.AppendRune(b, rune(r))
		}
		i += n
	}
	return string(b)
}

// escapeSize is the length of the escape at the beginning of s, or 0. Digits are hexadecimal, of either case.
func escapeSize(s string) int {
	if len(s) < 2 || s[0] != '\\' {
		return 0
	}
	size := 0
	switch s[1] {
	case 'x':
		size = 4
	case 'u':
		size = 6
	case 'U':
		size = 10
	}
	if size == 0 || len(s) < size {
		return 0
	}
	for i := 2; i < size; i++ {
		if c := s[i] | 0x20; (c < '0' || c > '9' || s[i] != c) && (c < 'a' || c > 'f') {
			return 0
		}
	}
	if n, _ := strconv.ParseUint(s[2:size], 16, 32); size > 4 && !utf8.ValidRune(rune(n)) {
		return 0
	}
	return size
}

// printedName is a name in a Ref's text: Printed, without blanks. An "@" that would begin the Ref's Space is escaped,
// too.
func (r Ref) printedName() string {
	name := strings.ReplaceAll(Printed(r.Name), " ", `\x20`)
	for r.Space == 0 {
		rest, _, has := cutNamespace(r.Kind, name)
		if !has {
			break
		}
		name = rest + `\x40` + name[len(rest)+1:]
	}
	return name
}
