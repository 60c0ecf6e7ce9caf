package sys_test

import (
	"strings"
	"testing"

	"github.com/ipctop/ipctop/collect/kernel/sys"
)

func TestSignalSetNames(t *testing.T) {
	for set, want := range map[sys.SignalSet]string{
		0: "", 1: "SIGHUP", 1<<14 | 1<<8: "SIGKILL SIGTERM", 1 << 32: "33", 1<<33 | 1<<63: "SIGRTMIN SIGRTMIN+30",
	} {
		if got := strings.Join(set.Names(), " "); got != want {
			t.Errorf("%x: %q, want %q", uint64(set), got, want)
		}
	}
}
