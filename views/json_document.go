package views

import (
	"bytes"
	"encoding/json"
	"io"
	"unicode/utf8"

	"github.com/ipctop/ipctop/collect/schema"
)

// WriteJSON writes a document as JSON, in one line if indent is "". It escapes the characters that AppendString
// escapes: encoding/json leaves C1 controls and bidi marks as they are.
func WriteJSON(w io.Writer, document any, indent string) error {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	if err := enc.Encode(document); err != nil {
		return err
	}
	_, err := w.Write(escaped(out.Bytes()))
	return err
}

// escaped escapes hostile characters in the strings of a JSON text. Characters beyond ASCII stand in strings only. In
// ASCII, encoding/json has escaped them: the controls that are left are the text's own line breaks.
func escaped(text []byte) []byte {
	b := make([]byte, 0, len(text))
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRune(text[i:])
		if r >= 0x7f && schema.Hostile(r, n) {
			b = appendUnicode(b, r)
		} else {
			b = append(b, text[i:i+n]...)
		}
		i += n
	}
	return b
}
