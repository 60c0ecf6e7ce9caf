package utillinux

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
)

// No message and no JSON text sends a control character to the terminal. JSON keeps the value.
func TestNoControlCharacters(t *testing.T) {
	text := "\x00\x1b[31m\x7f\u0085\u009b0m\x9b1m é\u00a0\"\\"
	shown := visible(text)
	if want := `\x00\x1b[31m\x7f\u0085\u009b0m\x9b1m é` + "\u00a0\"\\"; shown != want {
		t.Errorf("a message: %q, want %q", shown, want)
	}
	quoted, got := `"`+jsonText(text)+`"`, ""
	if err := json.Unmarshal([]byte(quoted), &got); err != nil {
		t.Fatal(err)
	}
	if want := strings.ToValidUTF8(text, "\ufffd"); got != want || strings.ContainsFunc(quoted, unicode.IsControl) {
		t.Errorf("JSON: %q is %q, want %q", quoted, got, want)
	}
}
