package process_test

import (
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect/kernel/process"
)

func TestParseSignalMasks(t *testing.T) {
	text := "Name:\tSigIgn:\nSigQ:\t0/31\nSigPnd:\t0000000000000001\nShdPnd:\t8000000000000000\n" +
		"SigBlk:\t8000000000000000\nSigIgn:\t0000000000001000\nSigCgt:\t0000000180004003\nCapInh:\t0000000000000000\n"
	got, err := process.ParseSignalMasks([]byte(text))
	want := process.SignalMasks{Pending: 1 | 1<<63, Blocked: 1 << 63, Ignored: 0x1000, Caught: 0x180004003}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
	if !got.Ignored.Has(syscall.SIGPIPE) || got.Ignored.Has(syscall.SIGTERM) || !got.Blocked.Has(64) ||
		got.Blocked.Has(0) {
		t.Errorf("bit n-1 stands for signal n: %v", got)
	}
	for _, bad := range []string{"", "SigBlk:\t0\n", "SigBlk:\tx\nSigIgn:\t0\nSigCgt:\t0\n",
		"SigBlk:\t10000000000000000\nSigIgn:\t0\nSigCgt:\t0\n"} {
		if got, err := process.ParseSignalMasks([]byte(bad)); err == nil {
			t.Errorf("%q is read as %v", bad, got)
		}
	}
}

func TestSignalMasksOfThisProcess(t *testing.T) {
	signal.Ignore(syscall.SIGUSR2)
	defer signal.Reset(syscall.SIGUSR2)
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	m, err := process.ParseSignalMasks(text)
	if err != nil || !m.Ignored.Has(syscall.SIGUSR2) || !m.Caught.Has(syscall.SIGSEGV) {
		t.Errorf("%+v, %v: want SIGUSR2 ignored, and SIGSEGV caught by the Go runtime", m, err)
	}
}

func FuzzParseSignalMasks(f *testing.F) {
	f.Add([]byte("SigBlk:\t0000000000000000\nSigIgn:\t0000000000001000\nSigCgt:\t0000000180004003\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if m, err := process.ParseSignalMasks(text); err != nil && m != (process.SignalMasks{}) {
			t.Errorf("an error with %v", m)
		}
	})
}
