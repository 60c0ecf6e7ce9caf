package leaks

import (
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/schema"
)

// Bytes returns the bytes that an object's end would free in memory, swap or a queue. Memory that was promised and
// never touched is not among them. A number that is not known counts as 0.
func Bytes(m *kinds.Mechanism, o *schema.Object) (bytes uint64) {
	for _, id := range []string{"rss", "swap", "allocated", "usedbytes"} {
		if c, ok := m.Column(id); ok {
			if v := c.Get(o); v.IsKnown() {
				bytes += v.Uint()
			}
		}
	}
	return bytes
}
