package utillinux

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ipctop/ipctop/collect/schema"
)

// The output modes escape texts here. No text can then change the structure of the output, or control a terminal.

// safe writes unsafe bytes in the form \x1b: control characters, and bytes that are no character of the locale. It also
// writes a backslash before an x so, because the backslash could look like such a form.
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

// graphic is true for the characters that the C library prints (iswprint). Format characters and private characters
// belong to them.
func graphic(r rune) bool {
	return unicode.IsGraphic(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Co, r)
}

func hexByte(c byte) string {
	const hex = "0123456789abcdef"
	return `\x` + string([]byte{hex[c>>4], hex[c&15]})
}

func printable(c byte) bool { return c >= 0x20 && c < 0x7f }

// escaped writes every byte that is not plain in the form \x1b.
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

// nonBlank escapes blanks, so that the text is one word.
func nonBlank(text string) string {
	return escaped(text, func(c byte) bool { return printable(c) && c != ' ' && c != '\\' })
}

// visible makes the control characters of a message visible, also those of an 8-bit terminal (0x80 to 0x9f). All other
// bytes stay, as in util-linux.
func visible(line string) string {
	b := make([]byte, 0, len(line))
	for i := 0; i < len(line); {
		r, n := utf8.DecodeRuneInString(line[i:])
		if unicode.IsControl(r) || n == 1 && line[i] >= 0x80 && line[i] < 0xa0 {
			b = schema.AppendEscape(b, line[i:], r, n)
		} else {
			b = append(b, line[i:i+n]...)
		}
		i += n
	}
	return string(b)
}

// jsonText escapes a text for JSON. util-linux writes DEL and the control characters U+0080 to U+009F as they are. Here
// they are escapes: the value is the same. Invalid UTF-8 becomes U+FFFD, because a JSON string must be UTF-8 (RFC
// 8259).
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
			if unicode.IsControl(r) {
				b.WriteString(`\u00` + hexByte(byte(r))[2:])
			} else {
				b.WriteRune(r)
			}
		}
	}
	return b.String()
}
