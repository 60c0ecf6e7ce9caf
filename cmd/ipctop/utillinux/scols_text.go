package utillinux

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// How the output modes of tables keep a text from being taken for more than a text.

// safe shows what does not belong on a terminal as \x1b: control characters, bytes that are no character of the
// locale, and a backslash that could be taken for the beginning of such.
func (t *table) safe(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); {
		c, size := text[i], 1
		switch {
		case c == '\\' && i+1 < len(text) && text[i+1] == 'x', c < 0x20, c == 0x7f, c >= 0x80 && !t.utf8:
			b.WriteString(hexByte(c))
		case c < 0x80:
			b.WriteByte(c)
		default:
			var r rune
			if r, size = utf8.DecodeRuneInString(text[i:]); r == utf8.RuneError && size == 1 || !graphic(r) {
				for _, c := range []byte(text[i : i+size]) {
					b.WriteString(hexByte(c))
				}
			} else {
				b.WriteString(text[i : i+size])
			}
		}
		i += size
	}
	return b.String()
}

// graphic are the characters that the C library prints (iswprint): with those that only shape others, and private ones.
func graphic(r rune) bool {
	return unicode.IsGraphic(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Co, r)
}

func hexByte(c byte) string {
	const hex = "0123456789abcdef"
	return `\x` + string([]byte{hex[c>>4], hex[c&15]})
}

func printable(c byte) bool { return c >= 0x20 && c < 0x7f }

// escaped writes every byte that is not plain as \x1b.
func escaped(text string, plain func(byte) bool) string {
	var b strings.Builder
	for i := range len(text) {
		if c := text[i]; plain(c) {
			b.WriteByte(c)
		} else {
			b.WriteString(hexByte(c))
		}
	}
	return b.String()
}

// nonBlank keeps a text one word.
func nonBlank(text string) string {
	return escaped(text, func(c byte) bool { return printable(c) && c != ' ' && c != '\\' })
}

// jsonText escapes a text for JSON. What is not valid UTF-8 becomes U+FFFD: JSON has no other strings (RFC 8259).
func jsonText(text string) string {
	var b strings.Builder
	for _, r := range strings.ToValidUTF8(text, "\uFFFD") {
		switch r {
		case '"', '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case '\b':
			b.WriteString(`\b`)
		case '\t':
			b.WriteString(`\t`)
		case '\n':
			b.WriteString(`\n`)
		case '\f':
			b.WriteString(`\f`)
		case '\r':
			b.WriteString(`\r`)
		default:
			if r < 0x20 {
				b.WriteString(`\u00` + hexByte(byte(r))[2:])
			} else {
				b.WriteRune(r)
			}
		}
	}
	return b.String()
}
