package relate

import (
	"strings"

	"github.com/ipctop/ipctop/collect/schema"
)

// Doubted reports the deadlocks of s that with does not confirm. with counts descriptors in messages to some processes
// as a way out. receivers names these processes: "12/server". The findings are warnings of kind "deadlock".
func (s *Solution) Doubted(with *Solution, receivers string) []schema.Finding {
	if receivers == "" {
		return nil
	}
	var out []schema.Finding
	for i := range s.Knots {
		k := &s.Knots[i]
		if n := with.Node(s.Nodes[k.Members[0]].Task.Thread); n >= 0 && with.Nodes[n].Status.Bad() {
			continue
		}
		f := s.deadlockFinding(k)
		f.Alike = strings.Replace(f.Alike, string(f.Severity)+"; "+string(f.Proof), "warning; inferred; in messages", 1)
		f.Severity, f.Proof = schema.Warning, schema.Inferred
		_, circle, _ := strings.Cut(f.Says, "deadlock: ")
		f.Says = "would be a deadlock but for the descriptors in messages to " + receivers + ": " + circle
		f.Evidence = append([]string{"inferred: " + receivers + " may receive what ends a wait, or close the socket " +
			"with the messages"}, f.Evidence...)
		f.Advice = "see if " + receivers + " receives its messages; if that helps nobody, " + f.Advice
		out = append(out, f)
	}
	return out
}
