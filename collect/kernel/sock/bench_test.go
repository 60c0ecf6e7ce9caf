package sock

import (
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/sys"
)

const benchSockets = 10_000

// roomFor raises this process's limit of open files, which a benchmark of 10,000 sockets needs.
func roomFor(b *testing.B, files uint64) {
	b.Helper()
	var limit unix.Rlimit
	must(b, unix.Getrlimit(unix.RLIMIT_NOFILE, &limit))
	limit.Cur = max(limit.Cur, files)
	if limit.Max < limit.Cur {
		limit.Max = limit.Cur // needs CAP_SYS_RESOURCE
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		b.Skipf("needs %d open files: %v", files, err)
	}
}

// against runs the three ways to list sockets: sock_diag, /proc/net, and ss as a whole program.
func against(b *testing.B, rows func(sys.Root) (int, error), ss ...string) {
	list := func(name, root string) {
		b.Run(name, func(b *testing.B) {
			h := sys.Root(root)
			b.ReportAllocs()
			for b.Loop() {
				n, err := rows(h)
				must(b, err)
				if n < benchSockets {
					b.Fatalf("%d sockets, want %d", n, benchSockets)
				}
			}
		})
	}
	list("diag", "")
	// "/." is the live machine's root but no empty root, so the Host reads it as a file tree.
	list("proc", "/.")
	b.Run("ss", func(b *testing.B) {
		if _, err := exec.LookPath("ss"); err != nil {
			b.Skip(err)
		}
		for b.Loop() {
			must(b, exec.Command("ss", ss...).Run())
		}
	})
}

func BenchmarkUnixSockets(b *testing.B) {
	kerneltest.InNamespace(b, func() {
		roomFor(b, benchSockets+100)
		for range benchSockets / 2 {
			kerneltest.SocketPair(b, unix.SOCK_STREAM)
		}
		rows := func(h sys.Root) (int, error) {
			rows, err := UnixSockets(h)
			return len(rows), err
		}
		against(b, rows, "-xan")
	}, unix.CLONE_NEWNET)
}

func BenchmarkInetSockets(b *testing.B) {
	kerneltest.InNamespace(b, func() {
		roomFor(b, benchSockets+100)
		listener := kerneltest.Listener(b, unix.AF_INET, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}, 16)
		for range benchSockets / 2 {
			kerneltest.Connect(b, unix.AF_INET, unix.SOCK_STREAM, listener)
			kerneltest.Accept(b, listener)
		}
		rows := func(h sys.Root) (int, error) {
			rows, err := InetSockets(h, 0)
			return len(rows), err
		}
		against(b, rows, "-tuwan")
	}, unix.CLONE_NEWNET)
}
