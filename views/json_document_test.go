package views

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/ipctop/ipctop/collect/collecttest"
	"github.com/ipctop/ipctop/collect/schema"
)

// A document holds no character that a terminal interprets, and loses nothing.
func TestWriteJSON(t *testing.T) {
	t.Parallel()
	for _, name := range append(collecttest.Hostile(), "\U000e0001", "\x7f", "a\"b\\c<") {
		for _, indent := range []string{"", "  "} {
			var out bytes.Buffer
			raw := json.RawMessage("{\"k\":\"\u009b\"}")
			if err := WriteJSON(&out, []any{name, raw}, indent); err != nil {
				t.Fatal(err)
			}
			for _, r := range out.String() {
				if r != '\n' && schema.Hostile(r, utf8.RuneLen(r)) {
					t.Errorf("%q: %q", name, out.String())
				}
			}
			var got []any
			if err := json.Unmarshal(out.Bytes(), &got); err != nil || utf8.ValidString(name) && got[0] != name {
				t.Errorf("%q: %q, %v", name, got, err)
			}
		}
	}
}
