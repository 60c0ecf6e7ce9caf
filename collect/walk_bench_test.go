package collect

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/schema"
)

// The benchmark runs on a machine of 1,000 processes with 50 descriptors each, 48 of them on their own pipes:
//
//	walk-first, walk-next   every descriptor and its holders, joined to pipes with both ends; first and later tick
//	everything-next         all kinds with all columns of a record, like --once -o json
//	plain-c                 the floor: only getdents64 and readlinkat over the same directories, like a C program
//	plain-go                the same with os.ReadDir and os.Readlink
//	lsof, ss, lsfd          other tools, if they are installed
func BenchmarkSnapshotOfManyProcesses(b *testing.B) {
	kerneltest.InNamespace(b, func() {
		const processes, pipes = 1000, 24
		pids := kerneltest.Sleepers(b, processes, pipes)
		host, err := kernel.Open("")
		if err != nil {
			b.Fatal(err)
		}
		pipesOnly := Request{Want: map[schema.Kind]schema.Need{schema.Pipe: 0}}
		all := Request{Want: map[schema.Kind]schema.Need{}, Edges: true}
		for _, m := range Mechanisms() {
			for _, c := range m.Columns {
				if !m.IsOnDemand(c.ID) {
					all.Want[m.Kind] |= c.Needs
				}
			}
		}
		take := func(b *testing.B, c *Collector, req Request) {
			if n := len(c.Take(req).Objects[schema.Pipe]); n < processes*pipes || n > processes*pipes+50 {
				b.Fatalf("%d pipes", n)
			}
		}
		b.Run("walk-first", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				take(b, New(host, time.Now), pipesOnly)
			}
		})
		next := func(req Request) func(b *testing.B) {
			return func(b *testing.B) {
				c := New(host, time.Now)
				take(b, c, req)
				b.ReportAllocs()
				for b.Loop() {
					take(b, c, req)
				}
			}
		}
		b.Run("walk-next", next(pipesOnly))
		b.Run("everything-next", next(all))
		b.Run("plain-c", func(b *testing.B) { benchmarkLinks(b, pids, linksByDirectory) })
		b.Run("plain-go", func(b *testing.B) { benchmarkLinks(b, pids, linksByName) })
		b.Run("lsof", func(b *testing.B) { benchmarkProgram(b, "lsof", "-n", "-P") })
		b.Run("ss", func(b *testing.B) { benchmarkProgram(b, "ss", "-xap") })
		b.Run("lsfd", func(b *testing.B) { benchmarkProgram(b, "lsfd") })
	})
}

func benchmarkLinks(b *testing.B, pids []int, links func(pid int) (int, error)) {
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		for _, pid := range pids {
			some, err := links(pid)
			if err != nil {
				b.Fatal(err)
			}
			n += some
		}
		if n < 50*len(pids) {
			b.Fatalf("%d descriptors", n)
		}
	}
}

// linksByDirectory is the loop of a C program.
func linksByDirectory(pid int) (int, error) {
	dir, err := unix.Open("/proc/"+strconv.Itoa(pid)+"/fd", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(dir)
	var entries [8192]byte
	var link [256]byte
	n := 0
	for {
		size, err := unix.Getdents(dir, entries[:])
		if err != nil || size == 0 {
			return n, err
		}
		for rest := entries[:size]; len(rest) > 0; {
			length := int(rest[16]) | int(rest[17])<<8
			if name := rest[19:length]; name[0] != '.' {
				_, _, e := unix.Syscall6(unix.SYS_READLINKAT, uintptr(dir), uintptr(unsafe.Pointer(&name[0])),
					uintptr(unsafe.Pointer(&link[0])), uintptr(len(link)), 0, 0)
				if e != 0 {
					return n, e
				}
				n++
			}
			rest = rest[length:]
		}
	}
}

// linksByName is the loop of the first simple version.
func linksByName(pid int) (int, error) {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, e := range entries {
		if _, err := os.Readlink(dir + "/" + e.Name()); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

func benchmarkProgram(b *testing.B, name string, args ...string) {
	if _, err := exec.LookPath(name); err != nil {
		b.Skip(err)
	}
	for b.Loop() {
		cmd := exec.Command(name, args...)
		cmd.Stdout = io.Discard
		if err := cmd.Run(); err != nil {
			b.Fatal(err)
		}
	}
}
