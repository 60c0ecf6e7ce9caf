package process_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect/kernel/process"
)

func TestParseCapabilities(t *testing.T) {
	text := "CapInh:\t0000000000000000\nCapPrm:\t000001ffffffffff\nCapEff:\t0000000000003001\n" +
		"CapBnd:\t8000000000000000\nCapAmb:\t0000000000000001\n"
	got, err := process.ParseCapabilities([]byte(text))
	want := process.Capabilities{Permitted: 0x1ffffffffff, Effective: 0x3001, Bounding: 1 << 63, Ambient: 1}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
	for set, want := range map[process.CapabilitySet]string{
		0: "", got.Effective: "chown net_admin net_raw", got.Permitted: "all",
		got.Permitted &^ (1<<24 | 1<<22): "all -sys_boot -sys_resource", got.Bounding: "63",
		1 << 40: "checkpoint_restore",
	} {
		if is := strings.Join(set.Names(), " "); is != want {
			t.Errorf("%x: %q, want %q", uint64(set), is, want)
		}
	}
	for _, bad := range []string{"", "CapInh:\t0\nCapPrm:\t0\nCapEff:\t0\n",
		"CapInh:\tx\nCapPrm:\t0\nCapEff:\t0\nCapBnd:\t0\n"} {
		if got, err := process.ParseCapabilities([]byte(bad)); err == nil {
			t.Errorf("%q is read as %v", bad, got)
		}
	}
}

func TestSchedClass(t *testing.T) {
	for policy, want := range map[int]string{0: "TS", 1: "FF", 6: "DLN", 99: "#99", -1: "#-1"} {
		if got := process.SchedClass(policy); got != want {
			t.Errorf("%d: %q, want %q", policy, got, want)
		}
	}
}

func FuzzParseCapabilities(f *testing.F) {
	f.Add([]byte("CapInh:\t0\nCapPrm:\t1\nCapEff:\t1\nCapBnd:\t1\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if c, err := process.ParseCapabilities(text); err != nil && c != (process.Capabilities{}) {
			t.Errorf("an error with %v", c)
		}
	})
}

func TestParseNSPidsAndIDMap(t *testing.T) {
	pids, err := process.ParseNSPids([]byte("Name:\tsh\nNSpid:\t4711\t12\t1\nNSpgid:\t9\n"))
	if diff := cmp.Diff([]int{4711, 12, 1}, pids); diff != "" || err != nil {
		t.Error(diff, err)
	}
	m, err := process.ParseIDMap([]byte("         0       1000          1\n         1     100000      65536\n"))
	want := process.IDMap{{Inside: 0, Outside: 1000, Count: 1}, {Inside: 1, Outside: 100000, Count: 65536}}
	if diff := cmp.Diff(want, m); diff != "" || err != nil {
		t.Error(diff, err)
	}
	type answer struct {
		Inside uint32
		OK     bool
	}
	for id, want := range map[uint32]answer{1000: {0, true}, 100000: {1, true}, 165535: {65536, true},
		165536: {}, 0: {}} {
		var got answer
		if got.Inside, got.OK = m.Inside(id); got != want {
			t.Errorf("%d is %v inside, want %v", id, got, want)
		}
	}
	for _, text := range []string{"0 1000\n", "0 0 4294967296\n", "x 0 1\n"} {
		if m, err := process.ParseIDMap([]byte(text)); err == nil {
			t.Errorf("%q gave %v", text, m)
		}
	}
}

func FuzzParseIDMap(f *testing.F) {
	f.Add([]byte("         0          0 4294967295\n"), uint32(7))
	f.Fuzz(func(t *testing.T, text []byte, id uint32) {
		m, _ := process.ParseIDMap(text)
		inside, ok := m.Inside(id)
		for _, r := range m {
			if ok && inside >= r.Inside && inside-r.Inside < r.Count && r.Outside+(inside-r.Inside) == id {
				return
			}
		}
		if ok {
			t.Errorf("%d is %d inside of %v", id, inside, m)
		}
	})
}
