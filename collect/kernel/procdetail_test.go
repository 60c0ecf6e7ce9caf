package kernel_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect/kernel"
)

func TestParseCapabilities(t *testing.T) {
	text := "CapInh:\t0000000000000000\nCapPrm:\t000001ffffffffff\nCapEff:\t0000000000003001\nCapBnd:\t8000000000000000\nCapAmb:\t0000000000000001\n"
	got, err := kernel.ParseCapabilities([]byte(text))
	want := kernel.Capabilities{Permitted: 0x1ffffffffff, Effective: 0x3001, Bounding: 1 << 63, Ambient: 1}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
	for set, want := range map[kernel.CapabilitySet]string{
		0: "", got.Effective: "chown net_admin net_raw", got.Permitted: "all", got.Permitted &^ (1<<24 | 1<<22): "all -sys_boot -sys_resource", got.Bounding: "63", 1 << 40: "checkpoint_restore",
	} {
		if is := strings.Join(set.Names(), " "); is != want {
			t.Errorf("%x: %q, want %q", uint64(set), is, want)
		}
	}
	for _, bad := range []string{"", "CapInh:\t0\nCapPrm:\t0\nCapEff:\t0\n", "CapInh:\tx\nCapPrm:\t0\nCapEff:\t0\nCapBnd:\t0\n"} {
		if got, err := kernel.ParseCapabilities([]byte(bad)); err == nil {
			t.Errorf("%q is read as %v", bad, got)
		}
	}
}

func TestSignalSetNames(t *testing.T) {
	for set, want := range map[kernel.SignalSet]string{
		0: "", 1: "SIGHUP", 1<<14 | 1<<8: "SIGKILL SIGTERM", 1 << 32: "33", 1<<33 | 1<<63: "SIGRTMIN SIGRTMIN+30",
	} {
		if got := strings.Join(set.Names(), " "); got != want {
			t.Errorf("%x: %q, want %q", uint64(set), got, want)
		}
	}
}

func TestSchedClass(t *testing.T) {
	for policy, want := range map[int]string{0: "TS", 1: "FF", 6: "DLN", 99: "#99", -1: "#-1"} {
		if got := kernel.SchedClass(policy); got != want {
			t.Errorf("%d: %q, want %q", policy, got, want)
		}
	}
}

func FuzzParseCapabilities(f *testing.F) {
	f.Add([]byte("CapInh:\t0\nCapPrm:\t1\nCapEff:\t1\nCapBnd:\t1\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if c, err := kernel.ParseCapabilities(text); err != nil && c != (kernel.Capabilities{}) {
			t.Errorf("an error with %v", c)
		}
	})
}
