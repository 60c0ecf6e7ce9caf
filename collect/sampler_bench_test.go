package collect

import (
	"testing"
	"time"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/schema"
)

// The benchmark measures a watched snapshot of all waits on a machine of 1,000 processes with 50 descriptors each. It
// runs alone (waits), and in turn with snapshots for other tabs (queues, pipes). Snapshots of waits must not discard
// the memory that makes those cheap.
func BenchmarkWatch(b *testing.B) {
	kerneltest.InNamespace(b, func() {
		kerneltest.Sleepers(b, 1000, 24)
		host, err := kernel.Open("")
		if err != nil {
			b.Fatal(err)
		}
		waits := Request{Want: map[schema.Kind]schema.Need{schema.Wait: 0}, Findings: true}
		for _, c := range []struct {
			name     string
			requests []Request
		}{
			{"waits", []Request{waits}},
			{"queues", []Request{wanting(schema.Msg)}}, {"queues-waits", []Request{wanting(schema.Msg), waits}},
			{"pipes", []Request{wanting(schema.Pipe)}}, {"pipes-waits", []Request{wanting(schema.Pipe), waits}},
		} {
			b.Run(c.name, func(b *testing.B) {
				collector := New(host, time.Now)
				for _, r := range c.requests {
					collector.Take(r)
				}
				for b.Loop() {
					for _, r := range c.requests {
						collector.Take(r)
					}
				}
			})
		}
	})
}
