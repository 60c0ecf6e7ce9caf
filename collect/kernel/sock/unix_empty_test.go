package sock

import (
	"fmt"
	"os"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/fdinfo"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// A socket that counts as empty holds no descriptor, though its message may have no bytes, and its sender may be gone.
func TestEmptyUnix(t *testing.T) {
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	file, err := os.Open(os.DevNull)
	check(err)
	defer file.Close()
	rights := unix.UnixRights(int(file.Fd()))
	pair := func(kind int) (from, to int) { return kerneltest.SocketPair(t, kind) }
	named := func(kind int) (int, unix.Sockaddr) {
		fd, err := unix.Socket(unix.AF_UNIX, kind|unix.SOCK_CLOEXEC, 0)
		check(err)
		t.Cleanup(func() { unix.Close(fd) })
		check(unix.Bind(fd, &unix.SockaddrUnix{})) // the kernel chooses a name
		address, err := unix.Getsockname(fd)
		check(err)
		return fd, address
	}
	send := func(from int, bytes string, to unix.Sockaddr, flags int) {
		t.Helper()
		check(unix.Sendmsg(from, []byte(bytes), rights, to, flags))
	}
	kinds := map[string]int{"stream": unix.SOCK_STREAM, "dgram": unix.SOCK_DGRAM, "seqpacket": unix.SOCK_SEQPACKET}
	full, empty := map[string]int{}, map[string]int{}
	for name, kind := range kinds {
		from, to := pair(kind)
		empty[name], empty[name+", the other end"] = from, to
		from, to = pair(kind)
		send(from, "x", nil, 0)
		full[name+" with a byte"], empty[name+" that sent a byte"] = to, from
		from, to = pair(kind)
		send(from, "x", nil, 0)
		unix.Close(from)
		full[name+" with a byte of a closed sender"] = to
		if kind == unix.SOCK_STREAM {
			continue
		}
		from, to = pair(kind)
		send(from, "", nil, 0)
		full[name+" without a byte"] = to
		from, to = pair(kind)
		send(from, "", nil, 0)
		unix.Close(from)
		full[name+" without a byte of a closed sender"] = to
	}

	to, address := named(unix.SOCK_DGRAM)
	from, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	check(err)
	send(from, "", address, 0)
	unix.Close(from)
	full["dgram with a name, without a byte of a closed sender"] = to
	_, address = named(unix.SOCK_DGRAM)
	check(unix.Connect(to, address))
	full["dgram with a name, that connected after"] = to
	client, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	check(err)
	defer unix.Close(client)
	check(unix.Connect(client, address))
	empty["dgram client"] = client

	from, to = pair(unix.SOCK_STREAM)
	send(from, "x", nil, unix.MSG_OOB)
	full["stream with a byte out of band"] = to
	_, _, err = unix.Recvfrom(to, make([]byte, 1), unix.MSG_OOB)
	check(err)

	listener, address := named(unix.SOCK_STREAM)
	check(unix.Listen(listener, 5))
	idle, _ := named(unix.SOCK_STREAM)
	check(unix.Listen(idle, 5))
	empty["listener"] = idle
	client, err = unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	check(err)
	defer unix.Close(client)
	check(unix.Connect(client, address))
	send(client, "x", nil, 0)

	list, err := UnixSockets(sys.Root(""))
	check(err)
	found := EmptyUnix(list)
	if slices.Contains(found, kerneltest.Inode(t, listener)) {
		t.Error("a listener with a client counts as empty")
	}
	for name, fd := range full {
		text, err := os.ReadFile(fmt.Sprintf("/proc/self/fdinfo/%d", fd))
		check(err)
		if n, ok := fdinfo.ParseInFlight(text); ok && n == 0 {
			t.Errorf("%s: has no descriptor", name)
		}
		if slices.Contains(found, kerneltest.Inode(t, fd)) {
			t.Errorf("%s: counts as empty", name)
		}
	}
	for name, fd := range empty {
		if !slices.Contains(found, kerneltest.Inode(t, fd)) {
			t.Errorf("%s: does not count as empty", name)
		}
	}
}
