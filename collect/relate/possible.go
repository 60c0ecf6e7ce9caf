package relate

import (
	"slices"
	"strings"

	"github.com/ipctop/ipctop/collect/schema"
)

// A deadlock may have no way out but bystanders: processes that nothing connects with the object but their place beside
// a waiter. No source tells that they do not know the object, so its members wait as usual. But a person should know
// that the others wait for each other.

// withoutBystanders solves the tasks again as if no bystander knew an object. It returns nil if there is no bystander.
func withoutBystanders(tasks []Task) *Solution {
	isBystander := func(e Ender) bool { return e.Bystander }
	var changed []Task
	without := map[sliceID][]Ender{} // waits that share a list share what is left of it
	for i := range tasks {
		w := &tasks[i].Wait
		if tasks[i].Activity != Waiting || len(w.Enders) == 0 {
			continue
		}
		id := sliceID{&w.Enders[0], len(w.Enders)}
		left, ok := without[id]
		if !ok {
			if left = w.Enders; slices.ContainsFunc(left, isBystander) {
				left = slices.DeleteFunc(slices.Clone(left), isBystander)
			}
			without[id] = left
		}
		if len(left) == len(w.Enders) {
			continue
		}
		if changed == nil {
			changed = slices.Clone(tasks)
		}
		changed[i].Wait.Enders = left
	}
	if changed == nil {
		return nil
	}
	g := newGraph(changed)
	return solve(g, g.seenTwice)
}

// possibleFindings reports the deadlocks whose only ways out are bystanders.
func (s *Solution) possibleFindings() (out []schema.Finding) {
	if s.possible == nil {
		return nil
	}
	for i := range s.possible.Knots {
		k := &s.possible.Knots[i]
		members := s.possible.tasks(k.Members)
		if slices.ContainsFunc(members, func(t *Task) bool {
			n := s.Node(t.Thread)
			return n >= 0 && s.Nodes[n].Status.Bad() // it is told already
		}) {
			continue
		}
		f := s.possible.deadlockFinding(k)
		f.Severity, f.Proof = schema.Warning, schema.Inferred
		f.Alike = alikeKey(&f, s.possible.steps(k.Cycle))
		f.Says = "possible " + strings.TrimPrefix(f.Says, k.likeliness())
		var waits []*Task
		for _, t := range members {
			waits = append(waits, &s.g.tasks[s.g.thread[t.Thread]])
		}
		if others := s.bystanders(waits); others != "" {
			f.Evidence = append(f.Evidence, others)
		}
		out = append(out, f)
	}
	return out
}

// bystanders names the bystanders of some waits, in a line of evidence; "": there are none.
func (s *Solution) bystanders(waits []*Task) string {
	var names []string
	told := map[schema.Ref]bool{}
	for _, t := range waits {
		for i := range t.Wait.Enders {
			if e := &t.Wait.Enders[i]; e.Bystander && !told[e.Proc] {
				told[e.Proc] = true
				names = append(names, taskName(asNamed(s.taskOf(e), e)))
			}
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "not excluded: " + joinShown(names) + " could know it too, but nothing shows that " +
		schema.Plural(len(names), "it does", "they do")
}
