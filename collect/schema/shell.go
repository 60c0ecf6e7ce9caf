package schema

import (
	"fmt"
	"strings"
)

// ShellQuote writes a word so that a POSIX shell reads it back.
//
// A word with a control character or a byte above 0x7e stands in $'…'. A terminal could take such bytes for a command,
// or they are no text. bash, zsh, ksh and POSIX.1-2024 shells know $'…'. dash and fish do not: they read another name
// there. But there, too, the word must not end early, or the rest of a name could be a command. So $'…' holds no quote,
// and backslashes only before digits. Inside '…', fish takes a backslash before a quote or a backslash as an escape; a
// word with such a backslash, or one at its end, stands in $'…'. All shells read any other '…' alike.
func ShellQuote(word string) string {
	plain := word != "" && !strings.ContainsFunc(word, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' ||
			strings.ContainsRune("/._-:@+,=%",
				r))
	})
	switch {
	case plain:
		return word
	case !strings.ContainsFunc(word, func(r rune) bool { return r < 0x20 || r >= 0x7f }) &&
		!strings.Contains(word, `\\`) && !strings.Contains(word, `\'`) && !strings.HasSuffix(word, `\`):
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
