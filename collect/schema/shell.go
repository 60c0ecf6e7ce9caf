package schema

import (
	"fmt"
	"strings"
)

// ShellQuote writes a word as a POSIX shell reads it back. What a terminal could take for a command, or what is no
// text, stands in $'…', which bash, zsh, ksh and POSIX.1-2024 shells know. For others it holds neither a quote nor a
// backslash but before digits: dash reads a word of another name there, fish nothing, and neither ends the word
// before its end, where a name could go on with a command. So stand words with a backslash, which is one of fish's
// ways to quote a quote.
func ShellQuote(word string) string {
	plain := word != "" && !strings.ContainsFunc(word, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-:@+,=%",
			r))
	})
	switch {
	case plain:
		return word
	case !strings.ContainsFunc(word, func(r rune) bool { return r < 0x20 || r >= 0x7f || r == '\\' }):
		return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
	}
	var b strings.Builder
	b.WriteString("$'")
	for i := range len(word) {
		switch c := word[i]; {
		case c < 0x20 || c >= 0x7f || c == '\'' || c == '\\':
			fmt.Fprintf(&b, `\%03o`, c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String() + "'"
}
