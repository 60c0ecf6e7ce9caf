package collect

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
)

// The doctor says that BPF can list descriptors exactly where BPF serves. It names the rights in any case.
func TestDoctorTellsWhatMakesItFast(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newScene(t)
		host := kerneltest.Must(kernel.Open(""))(t)
		notes := ExamineSnapshot(host, New(host, time.Now).Take(DoctorRequest())).Notes
		at := slices.IndexFunc(notes, func(n string) bool { return strings.HasPrefix(n, "speed: ") })
		if at < 0 {
			t.Fatalf("no note on the speed: %q", notes)
		}
		if can := strings.HasPrefix(notes[at], "speed: BPF can "); can != servesBPF(s) {
			t.Errorf("it serves: %v, but %q", !can, notes[at])
		}
		for _, word := range []string{"CAP_BPF", "CAP_PERFMON", "CAP_SYS_PTRACE", "/sys/kernel/btf/vmlinux"} {
			if !strings.Contains(notes[at], word) {
				t.Errorf("%q does not name %s", notes[at], word)
			}
		}
	})
}
