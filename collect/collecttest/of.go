package collecttest

import (
	"testing"

	"github.com/ipctop/ipctop/collect/schema"
)

// Samples are one machine of each sort that this room makes.
type Samples struct{ sample, files, notifiers *Machine }

// NewSamples makes the machines.
func NewSamples(tb testing.TB) Samples { return Samples{Sample(tb), Files(tb), Notifiers(tb)} }

// Of is the machine that has objects of a kind. Only the vsock has no file that tells of it. A new kind of descriptors
// gets its sample in Notifiers.
func (s Samples) Of(kind schema.Kind) *Machine {
	switch kind {
	case schema.PMsg, schema.PSem, schema.PShm, schema.Memfd, schema.Mmap:
		return s.files
	case schema.Msg, schema.Sem, schema.Shm, schema.Pipe, schema.Fifo, schema.Pty, schema.Unix, schema.Inet,
		schema.Netlink, schema.Packet, schema.Vsock, schema.Proc, schema.NS, schema.Limit, schema.Wait:
		return s.sample
	}
	return s.notifiers
}
