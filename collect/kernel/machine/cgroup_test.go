package machine_test

import (
	"testing"

	"github.com/ipctop/ipctop/collect/kernel/machine"
)

func TestPidsGroupPath(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"0::/\n":                       "/sys/fs/cgroup",
		"0::/system.slice/a.service\n": "/sys/fs/cgroup/system.slice/a.service",
		"9:name=systemd:/\n8:pids:/docker/x:y\n4:memory:/m\n0::/u\n": "/sys/fs/cgroup/pids/docker/x:y",
		"0::/../sibling\n":     "",
		"":                     "",
		"4:memory:/m\n":        "",
		"bad\n0::/../../etc\n": "",
	} {
		got, ok := machine.PidsGroupPath([]byte(text))
		if got != want || ok != (want != "") {
			t.Errorf("%q: %q, %v", text, got, ok)
		}
	}
}
