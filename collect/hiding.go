package collect

import (
	"slices"

	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/schema"
)

// Hiding lists the faults of the snapshot that may hide objects of these kinds. For waits, and for judged objects, each
// fault counts: a verdict depends on all that a tick reads.
func (s *Snapshot) Hiding(mechs []*kinds.Mechanism, judged bool) []schema.Fault {
	var hiding []schema.Fault
	for _, f := range s.Faults {
		if slices.ContainsFunc(mechs, func(m *kinds.Mechanism) bool {
			return judged || m.Kind == schema.Wait || s.hides(f, m)
		}) {
			hiding = append(hiding, f)
		}
	}
	return hiding
}

// hides reports whether objects of the kind may be missing because of the fault. A fault that only leaves cells empty
// hides no object.
func (s *Snapshot) hides(f schema.Fault, m *kinds.Mechanism) bool {
	own := f.Source == string(m.Kind) || slices.ContainsFunc(m.Requires, func(k schema.Kind) bool {
		return f.Source == string(k)
	})
	return own || m.Needs&sourceNeeds(f.Source) != 0 || f.Source == "namespaces" && s.Request.AllNamespaces
}
