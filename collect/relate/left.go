package relate

import (
	"fmt"

	"github.com/ipctop/ipctop/collect/schema"
)

// A holder may end without giving back what it took: a semaphore, a mutex. Nobody may be proved to be stuck, because
// the kernel does not tell who else knows the object. But a person should know that the last holder is gone.

// anyForsaken reports that a wait is forsaken.
func (s *Solution) anyForsaken() bool {
	for t := range s.g.tasks {
		if s.isForsaken(int32(t)) {
			return true
		}
	}
	return false
}

// isForsaken reports that the last holder of the awaited object is gone, and that only bystanders are free to end the
// wait. All other Enders are stuck, or wait for the object too.
func (s *Solution) isForsaken(t int32) bool {
	task := &s.g.tasks[t]
	if !task.waitsForLeft() || s.class[t] > free || s.g.listOf[t] < 0 {
		return false
	}
	l := &s.g.lists[s.g.listOf[t]]
	for k, to := range l.to {
		if l.enders[k].Bystander {
			continue
		}
		first, after := to, to+1
		switch {
		case to == unseen:
			return false
		case to < 0:
			first, after = s.g.procs[^to].first, s.g.procs[^to].after
		}
		for u := first; u < after; u++ {
			if o := &s.g.tasks[u]; s.class[u] <= free && (!o.waitsForLeft() || o.Wait.On != task.Wait.On) {
				return false
			}
		}
	}
	return true
}

// waitsForLeft reports that only known Enders could end the wait for an object whose last holder is gone.
func (t *Task) waitsForLeft() bool {
	return t.Activity == Waiting && t.Wait.Left != "" && t.Wait.Open == "" && !t.Wait.Timed
}

// alsoForsaken reports that task i of now was in the same forsaken wait in s.
func (s *Solution) alsoForsaken(now *Solution, i int) bool {
	if s == nil {
		return false
	}
	a := &now.g.tasks[i]
	j, ok := s.g.thread[a.Thread]
	return ok && s.isForsaken(j) && a.Wait.sameWait(&s.g.tasks[j].Wait)
}

// forsakenFindings reports the forsaken waits that are not proved to be stuck. All waits for one object make one
// finding.
func (s *Solution) forsakenFindings() (out []schema.Finding) {
	var order []schema.Ref
	groups := map[schema.Ref][]*Task{}
	for i := range s.Nodes {
		n := &s.Nodes[i]
		if !s.forsaken[n.Task.Thread] || n.Status.Bad() {
			continue
		}
		on := n.Task.Wait.On
		if groups[on] == nil {
			order = append(order, on)
		}
		groups[on] = append(groups[on], n.Task)
	}
	for _, on := range order {
		out = append(out, s.forsakenFinding(groups[on]))
	}
	return out
}

func (s *Solution) forsakenFinding(group []*Task) schema.Finding {
	f := schema.Finding{Kind: "abandoned", Severity: schema.Warning, Proof: schema.Inferred}
	var names []string
	var refs refs
	for _, t := range group {
		names = append(names, taskName(t))
		refs.add(t.Proc, t.Wait.On)
	}
	first := group[0]
	f.Alike = alikeKey(&f, group)
	f.Says = fmt.Sprintf("probably left behind: %s %s for %s, and %s", joinShown(names),
		schema.Plural(len(names), "waits", "wait"), waitText(first, nil), first.Wait.Left)
	f.Evidence = []string{"observed: " + first.Wait.Left, "inferred: nobody who is known to use it is free " +
		"to give it back"}
	if others := s.bystanders(group); others != "" {
		f.Evidence = append(f.Evidence, others)
	}
	f.Evidence = append(f.Evidence, sinceText(group)...)
	f.Refs = refs.list
	f.Advice = "start again what left it, if that gives it back; else end " + joinShown(names) +
		", or give by hand what is awaited"
	return f
}

// leftEvidence lists, each once, who left the objects of some waits and is gone.
func leftEvidence(waits []*Task) (out []string) {
	seen := map[string]bool{}
	for _, t := range waits {
		if l := t.Wait.Left; l != "" && !seen[l] {
			seen[l] = true
			out = append(out, "observed: "+l)
		}
	}
	return shorten(out, len(out))
}
