package collect

import (
	"testing"
	"time"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/schema"
)

// What a look at all waits costs on a machine of 1,000 processes with 50 descriptors each, beside snapshots for other
// tabs: alone (waits), and in turn with those of one tab (queues, pipes), which must not lose what spares them work.
func BenchmarkWatch(b *testing.B) {
	kerneltest.InNamespace(b, func() {
		manyProcesses(b, 1000, 24)
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
