package kinds

import "testing"

func TestControlGroup(t *testing.T) {
	for text, want := range map[string]string{
		"0::/user.slice/a:b\n":                          "/user.slice/a:b",
		"12:cpu,cpuacct:/x\n1:name=systemd:/y\n0::/z\n": "/z",
		"12:cpu,cpuacct:/x\n1:name=systemd:/y\n":        "/x",
		"":                                              "",
		"nonsense\n":                                    "",
	} {
		if got := ControlGroup(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
