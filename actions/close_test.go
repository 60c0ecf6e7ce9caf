package actions

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/schema"
)

func inetRef(tb testing.TB, fd int) schema.Ref {
	return schema.Ref{Kind: schema.Inet, ID: kerneltest.Inode(tb, fd)}
}

func loopback() *unix.SockaddrInet4 { return &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}} }

func port(tb testing.TB, fd int) int {
	return kerneltest.Must(unix.Getsockname(fd))(tb).(*unix.SockaddrInet4).Port
}

func TestCloseConnection(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		listener := kerneltest.Listener(t, unix.AF_INET, loopback(), 4)
		client := kerneltest.Connect(t, unix.AF_INET, unix.SOCK_STREAM, listener)
		server := kerneltest.Accept(t, listener)
		plan, err := m.Close([]schema.Ref{inetRef(t, server)})
		m.ok(err)
		me := func(fd int) string { return fmt.Sprintf("exe (pid %d) has it open (fd %d)", os.Getpid(), fd) }
		ref := inetRef(t, server).String()
		here, there := fmt.Sprintf("127.0.0.1:%d", port(t, server)), fmt.Sprintf("127.0.0.1:%d", port(t, client))
		want := []string{
			"Close 1 socket",
			ref + ": tcp socket " + here + " to " + there + " (ESTAB) is reset: data on their way are lost, its " +
				"processes get ECONNABORTED (after a FIN of the other end only where they write), the other end gets " +
				"ECONNRESET",
			"  affects: " + me(server),
			fmt.Sprintf("  affects: exe (pid %d) has the other end", os.Getpid()),
			"  same as: ss -K -t -a src " + here + " dst " + there,
		}
		if diff := cmp.Diff(want, plan.Lines()); diff != "" {
			t.Errorf("the plan (-want +got):\n%s", diff)
		}
		if got, want := plan.Steps[0].Confirm, fmt.Sprint(kerneltest.Inode(t, server)); got != want {
			t.Errorf("to be typed: %q, want %q", got, want)
		}
		if diff := cmp.Diff([]string{"done " + ref + ": closed"}, m.run(plan)); diff != "" {
			t.Error(diff)
		}
		if _, err := unix.Read(client, make([]byte, 1)); err != unix.ECONNRESET {
			t.Errorf("read at the other end: %v", err)
		}
		// The socket is there, but in another state than the plan showed.
		client = kerneltest.Connect(t, unix.AF_INET, unix.SOCK_STREAM, listener)
		server = kerneltest.Accept(t, listener)
		plan, err = m.Close([]schema.Ref{inetRef(t, server)})
		m.ok(err)
		m.ok(unix.Shutdown(client, unix.SHUT_WR))
		kerneltest.Eventually(t, "the server's end is half closed", func() bool {
			n, err := unix.Read(server, make([]byte, 1))
			return n == 0 && err == nil
		})
		m.refused(plan, inetRef(t, server), "changed since it was shown: state was ESTAB, is CLOSE-WAIT")
		if _, err := unix.Write(server, []byte("x")); err != nil {
			t.Errorf("write to a connection that was not closed: %v", err)
		}
	}, unix.CLONE_NEWNET)
}

func TestCloseRefusals(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		a, _ := kerneltest.SocketPair(t, unix.SOCK_STREAM)
		listener := kerneltest.Listener(t, unix.AF_INET, loopback(), 4)
		pair := schema.Ref{Kind: schema.Unix, ID: kerneltest.Inode(t, a)}
		gone := schema.Ref{Kind: schema.Inet, ID: 1}
		plan, err := m.Close([]schema.Ref{pair, gone, inetRef(t, listener)})
		m.ok(err)
		var refused []string
		for _, r := range plan.Refused {
			refused = append(refused, r.String())
		}
		want := []string{
			pair.String() + ": only TCP, UDP and raw sockets are closed: a socket goes away when its last holder " +
				"closes it: end its holders with ipctop signal TERM --to holders " + pair.String(),
			"inet:1: it is gone, or another object has its number: look at it again",
		}
		if diff := cmp.Diff(want, refused); diff != "" {
			t.Errorf("refused (-want +got):\n%s", diff)
		}
		if len(plan.Steps) != 1 || !strings.Contains(plan.Steps[0].Says, "listens no more") {
			t.Errorf("the steps: %+v", plan.Steps)
		}
		// Another socket with the same addresses is not closed in its place.
		addr := kerneltest.Must(unix.Getsockname(listener))(t)
		m.ok(unix.Shutdown(listener, unix.SHUT_RDWR)) // a listener loses its port
		kerneltest.Listener(t, unix.AF_INET, addr, 4)
		m.refused(plan, inetRef(t, listener), "it is gone")
	}, unix.CLONE_NEWNET)
}
