package kernel_test

import (
	"testing"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/sys"
)

func BenchmarkOpenUndos(b *testing.B) {
	h, err := kernel.Open("")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		r, err := h.OpenUndos()
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
	h, err := kernel.Open("")
	if err != nil {
		b.Fatal(err)
	}
	r, err := h.OpenUndos()
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
