package collect

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/schema"
)

// Nothing but its sockets keeps the network namespace alive. The kernel's list of a namespace has its sockets only.
func TestSocketsOfANamespaceWithoutProcesses(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		host, err := kernel.Open("")
		kerneltest.OK(t, err)
		var pair [2]int
		var space unix.Stat_t
		done := make(chan error)
		kerneltest.OnOtherThread(func() {
			err := unix.Unshare(unix.CLONE_NEWNET)
			if err == nil {
				pair, err = unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			}
			if err == nil {
				err = unix.Stat("/proc/thread-self/ns/net", &space)
			}
			done <- err
		})
		kerneltest.OK(t, <-done)
		defer unix.Close(pair[0])
		defer unix.Close(pair[1])
		comm, err := os.ReadFile("/proc/self/comm")
		kerneltest.OK(t, err)
		leader := fmt.Sprintf("%s[%d]/fd/%d", strings.TrimSpace(string(comm)), os.Getpid(), pair[0])
		want := map[string]string{}
		for i, fd := range pair {
			want[fmt.Sprintf("unix:%d@%d", kerneltest.Inode(t, fd), space.Ino)] = fmt.Sprintf("peer unix:%d@%d, in %s",
				kerneltest.Inode(t, pair[1-i]), space.Ino, leader)
		}
		kerneltest.EventuallySame(t, func() string {
			c := New(host, time.Now)
			got := map[string]string{}
			for _, o := range c.Take(Request{Want: map[schema.Kind]schema.Need{schema.Unix: ^schema.Need(0)},
				AllNamespaces: true}).Objects[schema.Unix] {
				if o.Ref.Space == space.Ino {
					got[o.Ref.String()] = fmt.Sprintf("peer %s, in %s", cellOf(schema.Unix, "peer")(o).Ref(),
						cellOf(schema.Unix, "ns_leader")(o).Str())
				}
			}
			return gocmp.Diff(want, got)
		})
	}, unix.CLONE_NEWNET)
}
