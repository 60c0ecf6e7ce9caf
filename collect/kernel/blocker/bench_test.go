package blocker

import "testing"

func BenchmarkOpen(b *testing.B) {
	for b.Loop() {
		r, err := Open("")
		if err != nil {
			b.Skip(err)
		}
		r.Close()
	}
}

func BenchmarkSleeps(b *testing.B) {
	r, err := Open("")
	if err != nil {
		b.Skip(err)
	}
	defer r.Close()
	for b.Loop() {
		if _, err := r.Sleeps(); err != nil {
			b.Fatal(err)
		}
	}
}
