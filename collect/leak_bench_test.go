package collect

import (
	"testing"
	"time"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/schema"
)

// The benchmark measures verdicts on a machine of 1,000 processes with 100 segments, 100 sets and 100 queues. It takes
// the columns of the dashboard without verdicts (plain) and with them (verdict), in a first and in a later snapshot.
func BenchmarkVerdicts(b *testing.B) {
	kerneltest.InNamespace(b, func() {
		kerneltest.Sleepers(b, 1000, 2)
		host, err := kernel.Open("")
		if err != nil {
			b.Fatal(err)
		}
		a := kernel.NewAdmin()
		for range 100 {
			if _, err := a.ShmGet(sysv.KeyPrivate, 4096, createIPC|0o600); err != nil {
				b.Fatal(err)
			}
			if _, err := a.SemGet(sysv.KeyPrivate, 3, createIPC|0o600); err != nil {
				b.Fatal(err)
			}
			if _, err := a.MsgGet(sysv.KeyPrivate, createIPC|0o600); err != nil {
				b.Fatal(err)
			}
		}
		for _, family := range []schema.Family{kinds.Queues, kinds.Semaphores, kinds.Memory} {
			plain := Request{Want: map[schema.Kind]schema.Need{}, Gauges: true}
			judged := Request{Want: map[schema.Kind]schema.Need{}, Gauges: true}
			for _, m := range Mechanisms() {
				if m.Family == family {
					plain.Want[m.Kind] = m.NeedsOf(m.Default)
					judged.Want[m.Kind] = plain.Want[m.Kind] | m.NeedsOf([]string{"verdict"})
				}
			}
			for name, req := range map[string]Request{"plain": plain, "verdict": judged} {
				b.Run(string(family)+"/"+name+"-first", func(b *testing.B) {
					for b.Loop() {
						New(host, time.Now).Take(req)
					}
				})
				b.Run(string(family)+"/"+name+"-next", func(b *testing.B) {
					c := New(host, time.Now)
					c.Take(req)
					for b.Loop() {
						c.Take(req)
					}
				})
			}
		}
	})
}
