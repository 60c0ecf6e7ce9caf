package relate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/ipctop/ipctop/collect/schema"
)

// mostShown is the largest number of names in a sentence, and of sentences of one kind in a finding's evidence.
const mostShown = 8

// Findings returns the problems that a person should know, gravest first. Their kinds are "deadlock", "stuck",
// "stopped" and "abandoned".
//
// A deadlock is critical: its members never go on. It is a warning if it rests on a changeable wait. A stuck wait is
// critical if it is observed and other threads hang on it. Else it is a warning: a program may park a thread on
// purpose, and a parked thread harms nobody. A stopped process is a warning: somebody stopped it.
func (s *Solution) Findings() []schema.Finding {
	var out []schema.Finding
	knots := slices.Clone(s.Knots)
	// The order of the knots in the tree.
	slices.SortStableFunc(knots, func(a, b Knot) int { return cmp.Compare(a.Cycle[0].Node, b.Cycle[0].Node) })
	for i := range knots {
		out = append(out, s.deadlockFinding(&knots[i]))
	}
	for _, group := range s.groupRoots(StatusStuck, func(n *Node) schema.Ref {
		if on := n.Task.Wait.On; !on.IsZero() {
			return on
		}
		return n.Task.Proc
	}) {
		out = append(out, s.stuckFinding(group))
	}
	for _, group := range s.groupRoots(StatusStopped, func(n *Node) schema.Ref { return n.Task.Proc }) {
		if f, ok := s.stoppedFinding(group); ok {
			out = append(out, f)
		}
	}
	out = append(out, s.possibleFindings()...)
	out = append(out, s.forsakenFindings()...)
	slices.SortStableFunc(out, func(a, b schema.Finding) int {
		return falseFirst(a.Severity != schema.Critical, b.Severity != schema.Critical)
	})
	return out
}

// groupRoots groups the roots of one status by a key. A group is a list of indices of nodes.
func (s *Solution) groupRoots(status Status, by func(*Node) schema.Ref) [][]int {
	at := map[schema.Ref]int{}
	var out [][]int
	for i := range s.Nodes {
		n := &s.Nodes[i]
		if n.Parent >= 0 || n.Status != status {
			continue
		}
		ref := by(n)
		g, ok := at[ref]
		if !ok {
			g = len(out)
			at[ref] = g
			out = append(out, nil)
		}
		out[g] = append(out[g], i)
	}
	return out
}

// deadlockFinding reports one deadlock.
func (s *Solution) deadlockFinding(k *Knot) schema.Finding {
	f := schema.Finding{Kind: "deadlock", Severity: schema.Critical, Proof: k.Proof, Advice: s.breakAdvice(k)}
	if k.Changeable {
		f.Severity, f.Proof = schema.Warning, schema.Inferred
		f.Advice = "look again in a while; if it lasts, " + f.Advice
	}
	var says, edges []string
	var refs refs
	for i, step := range k.Cycle {
		w := s.Nodes[step.Node].Task
		next := s.Nodes[k.Cycle[(i+1)%len(k.Cycle)].Node].Task
		if i < mostShown {
			says = append(says, fmt.Sprintf("%s waits for %s, %s", taskName(w), waitText(w, step.Ender),
				enderClause(next, step.Ender.How)))
			edges = append(edges, edgeText(w, next, step.Ender))
		}
		refs.add(w.Proc, w.Wait.On)
	}
	f.Alike = alikeKey(&f, s.steps(k.Cycle))
	f.Says = k.likeliness() + "deadlock: " + strings.Join(shorten(says, len(k.Cycle)), "; ")
	f.Evidence = shorten(edges, len(k.Cycle))
	f.Evidence = append(f.Evidence, s.otherEnders(k.Members, k.Cycle)...)
	f.Evidence = append(f.Evidence, sinceText(s.tasks(k.Members))...)
	onCycle := map[int]bool{}
	for _, step := range k.Cycle {
		onCycle[step.Node] = true
	}
	var others []string
	for _, m := range k.Members {
		w := s.Nodes[m].Task
		refs.add(w.Proc, w.Wait.On)
		if !onCycle[m] {
			others = append(others, taskName(w))
		}
	}
	if len(others) > 0 {
		f.Evidence = append(f.Evidence, "in the same knot: "+joinShown(others))
	}
	f.Evidence = append(f.Evidence, s.hangingNames(k.Members)...)
	f.Refs = refs.list
	return f
}

// stuckFinding reports a group of stuck waits for one object, or of one process.
func (s *Solution) stuckFinding(group []int) schema.Finding {
	first := &s.Nodes[group[0]]
	f := schema.Finding{Kind: "stuck", Severity: schema.Warning, Proof: schema.Observed}
	var names []string
	var refs refs
	for _, i := range group {
		n := &s.Nodes[i]
		names = append(names, taskName(n.Task))
		refs.add(n.Task.Proc, n.Task.Wait.On)
		if n.Proof != schema.Observed {
			f.Proof = schema.Inferred
		}
	}
	hanging := s.hangingNames(group)
	if len(hanging) > 0 && f.Proof == schema.Observed {
		f.Severity = schema.Critical
	}
	f.Alike = alikeKey(&f, s.tasks(group))
	verb := "waits"
	if len(names) > 1 {
		verb = "wait"
	}
	f.Says = fmt.Sprintf("%sstuck: %s %s for %s", likelyPrefix(f.Proof), joinShown(names), verb,
		waitText(first.Task, nil))
	if left := first.Task.Wait.Left; left != "" {
		f.Says += ": " + left
	}
	f.Says += ", and nobody is left who could end it"
	f.Evidence = append(leftEvidence(s.tasks(group)), string(f.Proof)+": no process that goes on could end the wait")
	f.Evidence = append(f.Evidence, s.otherEnders(group, nil)...)
	f.Evidence = append(f.Evidence, sinceText(s.tasks(group))...)
	f.Evidence = append(f.Evidence, hanging...)
	f.Refs = refs.list
	f.Advice = s.stuckAdvice(group, names)
	return f
}

// stoppedFinding reports the waits that only one stopped process can end; ok is false if there are none. group are the
// stopped threads of the process.
func (s *Solution) stoppedFinding(group []int) (schema.Finding, bool) {
	root := s.Nodes[group[0]].Task
	f := schema.Finding{Kind: "stopped", Severity: schema.Warning, Proof: schema.Observed}
	var refs refs
	refs.add(root.Proc)
	in := map[int]bool{}
	for _, i := range group {
		in[i] = true
	}
	var edges, says []string
	var waits []*Task
	s.visitBelow(group, func(i int, n *Node) {
		if !in[n.Parent] || n.Status != StatusStopped {
			return
		}
		in[i] = true
		parent := s.Nodes[n.Parent].Task
		says = append(says, fmt.Sprintf("%s waits for %s, %s", taskName(n.Task), waitText(n.Task, n.By),
			enderClause(parent, n.By.How)))
		edges = append(edges, edgeText(n.Task, parent, n.By))
		waits = append(waits, n.Task)
		refs.add(n.Task.Proc, n.Task.Wait.On)
		if n.Proof != schema.Observed {
			f.Proof = schema.Inferred
		}
	})
	if len(waits) == 0 {
		return f, false
	}
	f.Alike = alikeKey(&f, append(waits, root))
	f.Says = likelyPrefix(f.Proof) + "blocked by a stopped process: " + says[0]
	if len(waits) > 1 {
		f.Says += fmt.Sprintf("; %d threads in all wait for it to go on", len(waits))
	}
	doing := root.Doing
	if doing == "" {
		doing = "is stopped"
	}
	f.Evidence = append([]string{"observed: " + taskName(root) + " " + doing}, shorten(edges, len(edges))...)
	f.Evidence = append(append(f.Evidence, assumptions(waits)...), sinceText(waits)...)
	f.Refs = refs.list
	f.Advice = fmt.Sprintf("let %s go on: kill -CONT %d (if a debugger holds it, detach that); ending it is the last "+
		"resort", taskName(root), root.Proc.ID)
	return f, true
}

// otherEnders lists the Enders that cycle leaves out: all are stuck themselves. After them it lists the assumptions
// behind the waits of nodes.
func (s *Solution) otherEnders(nodes []int, cycle []Step) []string {
	done := map[*Ender]bool{}
	for _, step := range cycle {
		done[step.Ender] = true
	}
	var others []string
	var waits []*Task
	count := 0
	for _, i := range nodes {
		w := s.Nodes[i].Task
		for k := range w.Wait.Enders {
			e := &w.Wait.Enders[k]
			ownThreads := e.Weak && e.Proc == w.Proc && !e.ByFD // the other threads are told one by one
			if !done[e] && !ownThreads {
				done[e] = true
				if count++; count <= mostShown {
					others = append(others, edgeText(w, s.taskOf(e), e)+", and waits itself")
				}
			}
		}
		waits = append(waits, w)
	}
	return append(shorten(others, count), assumptions(waits)...)
}

// assumptions lists the assumptions behind some waits, each once.
func assumptions(waits []*Task) (out []string) {
	for _, w := range waits {
		a := "inferred: assuming " + w.Wait.Assumes
		if w.Wait.Assumes != "" && !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	return shorten(out, len(out))
}

// taskOf returns the thread of an Ender, or the main thread of its process. It returns a Task without a name if the
// process is unseen.
func (s *Solution) taskOf(e *Ender) *Task {
	if t, ok := s.g.thread[Thread{e.Proc, e.TID}]; ok {
		return &s.g.tasks[t]
	}
	if p, ok := s.g.proc[e.Proc]; ok {
		return &s.g.tasks[s.g.procs[p].main]
	}
	return &Task{Thread: Thread{e.Proc, e.TID}}
}

// visitBelow visits the nodes below the roots among some nodes. A tree's nodes are neighbours in Nodes.
func (s *Solution) visitBelow(roots []int, visit func(i int, n *Node)) {
	for _, root := range roots {
		if s.Nodes[root].Parent >= 0 {
			continue
		}
		for i := root + 1; i <= root+s.Nodes[root].Behind; i++ {
			visit(i, &s.Nodes[i])
		}
	}
}

// hangingNames names the hanging threads below some nodes. At least one of these nodes is a root.
func (s *Solution) hangingNames(of []int) []string {
	var names []string
	s.visitBelow(of, func(i int, n *Node) {
		if n.Status == StatusHangs { // any other wait has a way out
			names = append(names, taskName(n.Task))
		}
	})
	if len(names) == 0 {
		return nil
	}
	return []string{"hanging on it: " + joinShown(names)}
}

// tasks returns the tasks of some nodes.
func (s *Solution) tasks(nodes []int) []*Task {
	var out []*Task
	for _, i := range nodes {
		out = append(out, s.Nodes[i].Task)
	}
	return out
}

// steps returns the tasks on a cycle.
func (s *Solution) steps(cycle []Step) []*Task {
	var out []*Task
	for _, step := range cycle {
		out = append(out, s.Nodes[step.Node].Task)
	}
	return out
}

// alikeKey makes a finding's Alike: its kind, severity and proof, and the commands with their calls and kinds of
// objects, each once.
func alikeKey(f *schema.Finding, tasks []*Task) string {
	var words []string
	for _, t := range tasks {
		words = append(words, fmt.Sprintf("%q %s %s", t.Comm, t.Wait.Call, t.Wait.On.Kind))
	}
	slices.Sort(words)
	return strings.Join(append([]string{f.Kind, string(f.Severity), string(f.Proof)}, slices.Compact(words)...), "; ")
}

// sinceText tells the start of the youngest wait: since then all of the waits last. It returns nil if the start of a
// wait is not known.
func sinceText(tasks []*Task) []string {
	if len(tasks) == 0 {
		return nil
	}
	last := tasks[0].Wait.Since
	for _, t := range tasks {
		if t.Wait.Since.IsZero() {
			return nil
		}
		if t.Wait.Since.After(last) {
			last = t.Wait.Since
		}
	}
	return []string{"since " + last.Format("2006-01-02 15:04:05 -0700")}
}

// taskName formats a main thread as "4242/postgres" and any other thread as "4242/postgres (thread 4250)".
// Name names the thread for a person: "301/right", "301/right (thread 305)".
func (t *Task) Name() string { return taskName(t) }

func taskName(t *Task) string {
	n := fmt.Sprintf("%d/%s", t.Proc.ID, t.Comm)
	if uint64(t.TID) != t.Proc.ID && t.TID != 0 {
		n += fmt.Sprintf(" (thread %d)", t.TID)
	}
	return n
}

// waitText formats a wait's object and call: "sem:5 (semop [2] -1)". The object is the one of the Ender by, if by is
// not nil.
func waitText(t *Task, by *Ender) string {
	on := "" // a wait for a thread or child of its own has no object
	if ref := t.Wait.objectFor(by); !ref.IsZero() {
		on = ref.String()
	}
	via := t.Wait.Via
	if via == "" {
		via = t.Wait.Call
	}
	switch {
	case on == "":
		return cmp.Or(via, "its own threads")
	case via == "":
		return on
	}
	return on + " (" + via + ")"
}

// enderClause turns the relation of an Ender to the object into a clause: "holds it" becomes "which 4243/b holds".
func enderClause(t *Task, how string) string {
	if how == "" {
		how = "could end it"
	}
	before, behind, ok := strings.Cut(how+" ", " it ")
	if !ok {
		return taskName(t) + " " + how
	}
	return strings.TrimSpace("which " + taskName(t) + " " + before + " " + behind)
}

// edgeText formats an Ender as evidence: "observed: 4243/b holds sem:5".
func edgeText(w, ender *Task, e *Ender) string {
	on := ""
	if ref := w.Wait.objectFor(e); !ref.IsZero() {
		on = ref.String()
	}
	how := e.How
	if how == "" {
		how = "could end the wait on it"
	}
	before, behind, ok := strings.Cut(how+" ", " it ")
	if !ok {
		how = strings.Replace(how, " its ", " "+taskName(w)+"'s ", 1)
		if on != "" {
			on = " (" + on + ")"
		}
		if e.ByFD {
			how += fmt.Sprintf(" as fd %d", e.FD)
		}
		return fmt.Sprintf("%s: %s %s%s", e.Proof, taskName(ender), how, on)
	}
	return strings.TrimSpace(fmt.Sprintf("%s: %s %s %s %s", e.Proof, taskName(ender), before, cmp.Or(on, "it"), behind))
}

// likeliness returns the word in front of "deadlock".
func (k *Knot) likeliness() string {
	if k.Changeable {
		return "possible "
	}
	return likelyPrefix(k.Proof)
}

// likelyPrefix returns the word in front of an inferred verdict.
func likelyPrefix(p schema.Proof) string {
	if p == schema.Observed {
		return ""
	}
	return "likely "
}

// shorten cuts a list to mostShown entries. of is the length of the whole list; the last line counts the entries that
// are cut.
func shorten(told []string, of int) []string {
	if left := of - min(of, mostShown); left > 0 {
		return append(told[:mostShown:mostShown], fmt.Sprintf("and %d more", left))
	}
	return told[:min(len(told), mostShown)]
}

func joinShown(names []string) string { return strings.Join(shorten(names, len(names)), ", ") }

// refs collects references without repeats, in the order of their first use.
type refs struct {
	list []schema.Ref
	has  map[schema.Ref]bool
}

func (r *refs) add(of ...schema.Ref) {
	if r.has == nil {
		r.has = map[schema.Ref]bool{}
	}
	for _, ref := range of {
		if !ref.IsZero() && !r.has[ref] {
			r.has[ref] = true
			r.list = append(r.list, ref)
		}
	}
}
