package fdinfo

import "testing"

func TestParseInFlight(t *testing.T) {
	for text, want := range map[string]int{"pos:\t0\nflags:\t02\nscm_fds: 3\n": 3, "scm_fds: 0\n": 0, "pos:\t0\n": -1,
		"scm_fds:": -1, "scm_fds: x\n": -1} {
		n, ok := ParseInFlight([]byte(text))
		if !ok {
			n = -1
		}
		if n != want {
			t.Errorf("%q: %d, want %d", text, n, want)
		}
	}
}
