package proc

import (
	"strings"
	"testing"
)

func TestContainerID(t *testing.T) {
	id := strings.Repeat("0123456789abcdef", 4)
	for cgroup, want := range map[string]string{
		"0::/system.slice/docker-" + id + ".scope\n":                                             id,
		"0::/docker/" + id:                                                                       id,
		"0::/machine.slice/libpod-" + id + ".scope/container\n":                                  id,
		"12:memory:/kubepods/burstable/podf3b1/" + id + "\n1:name=systemd:/":                     id,
		"0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-" + id + ".scope":                 id,
		"0::/system.slice/containerd.service/kubepods-burstable-pod1.slice:cri-containerd:" + id: id,
		"0::/user.slice/user-1000.slice/session-1.scope":                                         "",
		"0::/" + id[1:]:              "",
		"0::/" + strings.ToUpper(id): "",
		"":                           "",
	} {
		if got := ContainerID(cgroup); got != want {
			t.Errorf("%q: %q, want %q", cgroup, got, want)
		}
	}
}
