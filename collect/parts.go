package collect

import (
	"time"

	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// Parts are called with the parts of a snapshot as soon as these are there, in the collector's goroutine. So an output
// is written while the rest is read.
type Parts struct {
	// Begin has the head of the snapshot: Taken, Host, BootID, IPCNamespace, Source and Request. The rest is still
	// empty.
	Begin func(*Snapshot)
	// Objects has all objects of a kind. Nobody changes them after the call. The kinds come in the order of Mechanisms.
	Objects func(schema.Kind, []*schema.Object)
	// Edge has one edge. Edges come after all objects, and the snapshot does not keep them.
	Edge func(schema.Edge)
}

// relate calls add with the edges of a kind, and adds the time to the cost of the kind.
func (s *Snapshot) relate(m *kinds.Mechanism, t *proc.Tick, add func(schema.Edge)) {
	objects, ok := s.Objects[m.Kind]
	if !ok || m.Relate == nil {
		return
	}
	begin := time.Now()
	m.Relate(t, objects, add)
	for i := range s.Cost {
		if s.Cost[i].Part == string(m.Kind) {
			s.Cost[i].Took += time.Since(begin)
		}
	}
}
