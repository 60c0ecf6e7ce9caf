package undo_test

import (
	"testing"

	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/undo"
)

func BenchmarkOpenUndos(b *testing.B) {
	h := sys.Root("")
	for b.Loop() {
		r, err := undo.Open(h)
		if sys.Denied(err) {
			b.Skip(err)
		}
		if err != nil {
			b.Fatal(err)
		}
		r.Close()
	}
}

func BenchmarkUndos(b *testing.B) {
	h := sys.Root("")
	r, err := undo.Open(h)
	if sys.Denied(err) {
		b.Skip(err)
	}
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	for b.Loop() {
		if _, _, err := r.Undos(); err != nil {
			b.Fatal(err)
		}
	}
}
