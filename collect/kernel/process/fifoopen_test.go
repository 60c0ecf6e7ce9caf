package process

import "testing"

// The names of Linux 6.18; one has an ending of a compiler.
func TestWhereTheOpenOfAFIFOWaits(t *testing.T) {
	for wchan, want := range map[string]bool{
		"wait_for_partner": true, "wait_for_partner.isra.0": true, "fifo_open": true,
		"0": false, "": false, "get_signal": false, "nfs_wait_bit_killable": false, "wait_for_partner_2": false,
	} {
		if got := opensFIFO(wchan); got != want {
			t.Errorf("%q: %v", wchan, got)
		}
	}
}
