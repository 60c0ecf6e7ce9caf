package fdinfo

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestFDInfoFlags(t *testing.T) {
	for text, want := range map[string]int{
		"pos:\t0\nflags:\t0100002\nmnt_id:\t15\nino:\t9\n": unix.O_RDWR | 0o100000,
		"pos:\t0\nflags:\t01\n":                            unix.O_WRONLY,
		"flags:\t02004000":                                 0o2004000,
	} {
		if got, ok := Flags([]byte(text)); got != want || !ok {
			t.Errorf("%q: %o, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "pos:\t0\n", "flags:\t9\n", "flags:\n", "xflags:\t1\n"} {
		if got, ok := Flags([]byte(text)); ok {
			t.Errorf("%q: %o", text, got)
		}
	}
}
