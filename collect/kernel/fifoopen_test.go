package kernel

import "testing"

// The names are those of Linux 6.18, some with what compilers append.
func TestWhereAnOpenSleeps(t *testing.T) {
	type told struct{ OfFIFO, Stopped bool }
	for wchan, want := range map[string]told{
		"wait_for_partner": {OfFIFO: true}, "wait_for_partner.isra.0": {OfFIFO: true}, "fifo_open": {OfFIFO: true},
		"do_signal_stop": {Stopped: true}, "ptrace_stop.part.0": {Stopped: true}, "get_signal": {Stopped: true}, "__refrigerator": {Stopped: true},
		"0": {}, "": {}, "nfs_wait_bit_killable": {}, "rpc_wait_bit_killable": {}, "d_alloc_parallel": {},
	} {
		var got told
		if got.OfFIFO, got.Stopped = sleepsInOpen(wchan); got != want {
			t.Errorf("%q: %+v, want %+v", wchan, got, want)
		}
	}
}
