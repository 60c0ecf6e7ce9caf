package collect

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/sock"
	"github.com/ipctop/ipctop/collect/schema"
)

// A kernel with VM sockets and without vsock_diag lists none. Their descriptors tell of them.
func TestVsocksThatTheKernelDoesNotList(t *testing.T) {
	host := kerneltest.Must(kernel.Open(""))(t)
	if _, err := host.VsockSockets(); !errors.Is(err, sock.ErrNoVsockDiag) {
		t.Skipf("needs a kernel with VM sockets and without vsock_diag: %v", err)
	}
	listener := kerneltest.Must(unix.Socket(unix.AF_VSOCK, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0))(t)
	defer unix.Close(listener)
	kerneltest.OK(t, unix.Bind(listener, &unix.SockaddrVM{CID: unix.VMADDR_CID_ANY, Port: unix.VMADDR_PORT_ANY}))
	kerneltest.OK(t, unix.Listen(listener, 3))
	at := kerneltest.Must(unix.Getsockname(listener))(t).(*unix.SockaddrVM)
	idle := kerneltest.Must(unix.Socket(unix.AF_VSOCK, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0))(t)
	defer unix.Close(idle)
	for _, everywhere := range []bool{false, true} {
		snap := New(host, time.Now).Take(Request{Want: map[schema.Kind]schema.Need{schema.Vsock: ^schema.Need(0)},
			AllNamespaces: everywhere})
		for fd, want := range map[int]string{
			listener: fmt.Sprintf("stream LISTEN *:%d of %d", at.Port, os.Getpid()),
			idle:     fmt.Sprintf("stream UNCONN *:* of %d", os.Getpid()),
		} {
			ino, got := kerneltest.Inode(t, fd), ""
			for _, o := range snap.Objects[schema.Vsock] {
				if o.Ref.ID == ino {
					cell := func(id string) schema.Value { return cellOf(schema.Vsock, id)(o) }
					got = fmt.Sprintf("%s %s %s of %d", cell("type").Str(), cell("state").Str(), cell("local").Str(),
						cell("holders").Endpoints()[0].PID)
				}
			}
			if got != want {
				t.Errorf("everywhere %v: %q, want %q", everywhere, got, want)
			}
		}
	}
}
