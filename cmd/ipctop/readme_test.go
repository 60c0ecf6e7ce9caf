package main

import (
	"os"
	"strings"
	"testing"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/software"
)

// The README names every kind and every family.
func TestReadmeNamesEveryKind(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range collect.Mechanisms() {
		for _, word := range []string{string(m.Kind), string(m.Family)} {
			if !strings.Contains(string(text), "`"+word+"`") {
				t.Errorf("README.md does not name `%s`", word)
			}
		}
	}
}

// The README shows a valid file of signatures.
func TestReadmeShowsSignatures(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(text), "```yaml\n")
	example, _, end := strings.Cut(rest, "```")
	if !ok || !end {
		t.Fatal("README.md shows none")
	}
	if _, err := software.Read("README.md", example); err != nil {
		t.Error(err)
	}
}
