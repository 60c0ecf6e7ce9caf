package collect

import (
	"testing"
)

func TestBuiltinSignaturesLoad(t *testing.T) {
	s, err := BuiltinSignatures()
	if err != nil {
		t.Fatal(err)
	}
	if s.apps["postgresql"] != "PostgreSQL" {
		t.Errorf("apps: %v", s.apps)
	}
}

func BenchmarkBuiltinSignatures(b *testing.B) {
	for b.Loop() {
		if _, err := BuiltinSignatures(); err != nil {
			b.Fatal(err)
		}
	}
}
