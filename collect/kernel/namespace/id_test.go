package namespace

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// A process in the first namespaces: the kernel made them at boot, in this order.
func TestID(t *testing.T) {
	host := sys.Root("")
	one, err := ID(host, "ipc")
	if errors.Is(err, unix.ENOTTY) {
		t.Skip("needs Linux 6.18, whose namespaces have numbers of their own")
	}
	again, err2 := ID(host, "ipc")
	other, err3 := ID(host, "pid")
	if err != nil || err2 != nil || err3 != nil || one == 0 || one != again || one == other {
		t.Errorf("ipc %d and %d, pid %d: %v, %v, %v", one, again, other, err, err2, err3)
	}
}
