package collect

import (
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/schema"
)

// The benchmark takes a snapshot of 8,000 UNIX and 8,000 TCP sockets, all joined with their peers. It measures the
// dumps alone, and the dumps with the walk of descriptors and the edges.
func BenchmarkSocketSnapshot(b *testing.B) {
	kerneltest.InNamespace(b, func() {
		var limit unix.Rlimit
		if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil || limit.Cur < 17_000 {
			b.Skipf("needs 17,000 open files, may have %d", limit.Cur)
		}
		listener := kerneltest.Listener(b, unix.AF_INET, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}, 16)
		for range 4000 {
			kerneltest.SocketPair(b, unix.SOCK_STREAM)
			kerneltest.Connect(b, unix.AF_INET, unix.SOCK_STREAM, listener)
			kerneltest.Accept(b, listener)
		}
		h, err := kernel.Open("")
		if err != nil {
			b.Fatal(err)
		}
		for _, bench := range []struct {
			name  string
			need  schema.Need
			edges bool
		}{{"dump", kinds.SocketNeeds, false}, {"holders-and-edges", kinds.HolderNeeds, true}} {
			b.Run(bench.name, func(b *testing.B) {
				c := New(h, time.Now)
				b.ReportAllocs()
				for b.Loop() {
					s := c.Take(Request{Want: map[schema.Kind]schema.Need{schema.Unix: bench.need,
						schema.Inet: bench.need},
						Edges: bench.edges})
					if n := len(s.Objects[schema.Unix]) + len(s.Objects[schema.Inet]); n != 16_001 {
						b.Fatalf("%d sockets, want 16001", n)
					}
				}
			})
		}
		b.Run("ss-with-processes", func(b *testing.B) {
			if _, err := exec.LookPath("ss"); err != nil {
				b.Skip(err)
			}
			for b.Loop() {
				if err := exec.Command("ss", "-xtuwanp").Run(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}, unix.CLONE_NEWNET)
}
