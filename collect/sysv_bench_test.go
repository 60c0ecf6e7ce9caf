package collect

import (
	"testing"
	"time"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/schema"
)

// The benchmark takes whole snapshots at the kernel's default limits. It also measures the listing alone.
func BenchmarkSysVSnapshot(b *testing.B) {
	kerneltest.InNamespace(b, func() {
		host, err := kernel.Open("")
		if err != nil {
			b.Fatal(err)
		}
		fill(b)
		for _, m := range []struct {
			kind  schema.Kind
			count int
			list  func() (int, error)
		}{
			{schema.Msg, 32000, func() (int, error) { l, err := host.MsgQueues(true); return len(l), err }},
			{schema.Sem, 32000, func() (int, error) { l, err := host.SemSets(); return len(l), err }},
			{schema.Shm, 4096, func() (int, error) { l, err := host.ShmSegments(false); return len(l), err }},
		} {
			b.Run(string(m.kind)+"/list", func(b *testing.B) {
				for b.Loop() {
					if n, err := m.list(); n != m.count || err != nil {
						b.Fatal(n, err)
					}
				}
			})
			b.Run(string(m.kind)+"/snapshot", func(b *testing.B) {
				c := New(host, time.Now)
				b.ReportAllocs()
				for b.Loop() {
					snap := c.Take(Request{Want: map[schema.Kind]schema.Need{m.kind: 0}})
					if n := len(snap.Objects[m.kind]); n != m.count {
						b.Fatal(n, snap.Faults)
					}
				}
			})
		}
	})
}

func fill(b *testing.B) {
	a := kernel.NewAdmin()
	for key := uint32(1); key <= 32000; key++ {
		_, err := a.MsgGet(key, createIPC|0o600)
		if err == nil {
			_, err = a.SemGet(key, 1, createIPC|0o600)
		}
		if err == nil && key <= 4096 {
			_, err = a.ShmGet(key, 1, createIPC|0o600)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
