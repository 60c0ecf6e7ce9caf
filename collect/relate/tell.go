package relate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/ipctop/ipctop/collect/schema"
)

// shown bounds the sentences of one kind in a finding's evidence, and the names in a sentence.
const shown = 8

// Findings are the verdicts that a person should hear of, gravest first: of kind "deadlock", "stuck" and "stopped".
//
// A deadlock is critical: what its members do stands still for good. So is a wait that nobody is left to end once
// others hang on it. Alone, or inferred, it is a warning: a thread may be parked so on purpose, and harms nobody. A
// stopped process is a warning: somebody stopped it.
func (s *Solution) Findings() []schema.Finding {
	var out []schema.Finding
	knots := slices.Clone(s.Knots)
	// as in the tree
	slices.SortStableFunc(knots, func(a, b Knot) int { return cmp.Compare(a.Cycle[0].Node, b.Cycle[0].Node) })
	for i := range knots {
		out = append(out, s.deadlock(&knots[i]))
	}
	for _, group := range s.grouped(StatusStuck, func(n *Node) schema.Ref {
		if on := n.Task.Wait.On; !on.IsZero() {
			return on
		}
		return n.Task.Proc
	}) {
		out = append(out, s.abandoned(group))
	}
	for _, group := range s.grouped(StatusStopped, func(n *Node) schema.Ref { return n.Task.Proc }) {
		if f, ok := s.stopped(group); ok {
			out = append(out, f)
		}
	}
	slices.SortStableFunc(out, func(a, b schema.Finding) int {
		return after(a.Severity != schema.Critical, b.Severity != schema.Critical)
	})
	return out
}

// grouped finds the root causes of one status, joined by what they have in common.
func (s *Solution) grouped(status Status, by func(*Node) schema.Ref) [][]int {
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

func (s *Solution) deadlock(k *Knot) schema.Finding {
	f := schema.Finding{Kind: "deadlock", Severity: schema.Critical, Proof: k.Proof, Advice: s.breakCycle(k)}
	var says, edges []string
	var refs refs
	for i, step := range k.Cycle {
		w := s.Nodes[step.Node].Task
		next := s.Nodes[k.Cycle[(i+1)%len(k.Cycle)].Node].Task
		if i < shown {
			says = append(says, fmt.Sprintf("%s waits for %s, %s", name(w), what(w, step.Ender), which(next, step.Ender.How)))
			edges = append(edges, edge(w, next, step.Ender))
		}
		refs.add(w.Proc, w.Wait.On)
	}
	f.Alike = alike(&f, s.steps(k.Cycle))
	f.Says = likely(k.Proof) + "deadlock: " + strings.Join(more(says, len(k.Cycle)), "; ")
	f.Evidence = more(edges, len(k.Cycle))
	f.Evidence = append(f.Evidence, s.besides(k.Members, k.Cycle)...)
	f.Evidence = append(f.Evidence, since(s.tasks(k.Members))...)
	onCycle := map[int]bool{}
	for _, step := range k.Cycle {
		onCycle[step.Node] = true
	}
	var others []string
	for _, m := range k.Members {
		w := s.Nodes[m].Task
		refs.add(w.Proc, w.Wait.On)
		if !onCycle[m] {
			others = append(others, name(w))
		}
	}
	if len(others) > 0 {
		f.Evidence = append(f.Evidence, "in the same knot: "+list8(others))
	}
	f.Evidence = append(f.Evidence, s.hangers(k.Members)...)
	f.Refs = refs.list
	return f
}

func (s *Solution) abandoned(group []int) schema.Finding {
	first := &s.Nodes[group[0]]
	f := schema.Finding{Kind: "stuck", Severity: schema.Warning, Proof: schema.Observed}
	var names []string
	var refs refs
	for _, i := range group {
		n := &s.Nodes[i]
		names = append(names, name(n.Task))
		refs.add(n.Task.Proc, n.Task.Wait.On)
		if n.Proof != schema.Observed {
			f.Proof = schema.Inferred
		}
	}
	hangers := s.hangers(group)
	if len(hangers) > 0 && f.Proof == schema.Observed {
		f.Severity = schema.Critical
	}
	f.Alike = alike(&f, s.tasks(group))
	verb := "waits"
	if len(names) > 1 {
		verb = "wait"
	}
	f.Says = fmt.Sprintf("%sstuck: %s %s for %s, and nobody is left who could end it", likely(f.Proof), list8(names), verb,
		what(first.Task, nil))
	f.Evidence = []string{string(f.Proof) + ": no process that goes on could end the wait"}
	f.Evidence = append(f.Evidence, s.besides(group, nil)...)
	f.Evidence = append(f.Evidence, since(s.tasks(group))...)
	f.Evidence = append(f.Evidence, hangers...)
	f.Refs = refs.list
	f.Advice = "nothing that runs will wake " + schema.Plural(len(names), "it", "them") + ": end " + list8(names) +
		", or give by hand what is awaited; then start again what should have given it"
	return f
}

// stopped tells of threads of one stopped process, if a wait is blocked by them that nobody else can end.
func (s *Solution) stopped(group []int) (schema.Finding, bool) {
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
	s.below(group, func(i int, n *Node) {
		if !in[n.Parent] || n.Status != StatusStopped {
			return
		}
		in[i] = true
		parent := s.Nodes[n.Parent].Task
		says = append(says, fmt.Sprintf("%s waits for %s, %s", name(n.Task), what(n.Task, n.By), which(parent, n.By.How)))
		edges = append(edges, edge(n.Task, parent, n.By))
		waits = append(waits, n.Task)
		refs.add(n.Task.Proc, n.Task.Wait.On)
		if n.Proof != schema.Observed {
			f.Proof = schema.Inferred
		}
	})
	if len(waits) == 0 {
		return f, false
	}
	f.Alike = alike(&f, append(waits, root))
	f.Says = likely(f.Proof) + "blocked by a stopped process: " + says[0]
	if len(waits) > 1 {
		f.Says += fmt.Sprintf("; %d threads in all wait for it to go on", len(waits))
	}
	doing := root.Doing
	if doing == "" {
		doing = "is stopped"
	}
	f.Evidence = append([]string{"observed: " + name(root) + " " + doing}, more(edges, len(edges))...)
	f.Evidence = append(append(f.Evidence, assumed(waits)...), since(waits)...)
	f.Refs = refs.list
	f.Advice = fmt.Sprintf("let %s go on: kill -CONT %d (if a debugger holds it, detach that); ending it is the last "+
		"resort", name(root), root.Proc.ID)
	return f, true
}

// breakCycle says whose end would free others. The kernel gives back a dead process's descriptors and file locks (man
// 2 _exit, man 2 flock), its semaphore operations only under SEM_UNDO (man 2 semop), a mutex only if it is robust
// (man 3 pthread_mutexattr_setrobust).
//
// A lock goes on to the next, and a pipe has no writers or readers any more, when the last process that has it open
// ends.
func (s *Solution) breakCycle(k *Knot) string {
	var alone, together []string
	for _, step := range k.Cycle {
		w := &s.Nodes[step.Node].Task.Wait
		switch w.On.Kind {
		case schema.Sem, schema.PSem, schema.Shm, schema.PShm, schema.Memfd, schema.Mmap, schema.Msg, schema.PMsg, "":
			continue
		}
		var holders []string
		for i := range w.Enders {
			if n := name(s.someOf(&w.Enders[i])); !w.Enders[i].Weak && !slices.Contains(holders, n) {
				holders = append(holders, n)
			}
		}
		switch {
		case len(holders) == 1 && !slices.Contains(alone, holders[0]):
			alone = append(alone, holders[0])
		case len(holders) > 1 && (together == nil || len(holders) < len(together)):
			together = holders
		}
	}
	const then = ": the kernel then gives back locks and descriptors, and who waits for those goes on; prefer what can " +
		"be done again"
	switch {
	case len(alone) == 1:
		return "end " + alone[0] + then
	case len(alone) > 1:
		return "end one of " + list8(alone) + then
	case together != nil:
		return "end all of " + list8(together) + then
	}
	return "end one of the processes: who waits for it goes on only if the kernel gives back what it took (semaphore " +
		"operations under SEM_UNDO, robust mutexes); " +
		"else end all of them, and reset the object before they start again"
}

// besides says who else than the next on the cycle could end the waits of some nodes, and is stuck itself, and what
// was taken for granted.
func (s *Solution) besides(nodes []int, cycle []Step) []string {
	told := map[*Ender]bool{}
	for _, step := range cycle {
		told[step.Ender] = true
	}
	var others []string
	var waits []*Task
	count := 0
	for _, i := range nodes {
		w := s.Nodes[i].Task
		for k := range w.Wait.Enders {
			if e := &w.Wait.Enders[k]; !told[e] {
				told[e] = true
				if count++; count <= shown {
					others = append(others, edge(w, s.someOf(e), e)+", and waits itself")
				}
			}
		}
		waits = append(waits, w)
	}
	return append(more(others, count), assumed(waits)...)
}

// assumed says what was taken for granted of some waits.
func assumed(waits []*Task) (out []string) {
	for _, w := range waits {
		a := "inferred: assuming " + w.Wait.Assumes
		if w.Wait.Assumes != "" && !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	return more(out, len(out))
}

// someOf is the thread that an Ender names, or its process's main thread.
func (s *Solution) someOf(e *Ender) *Task {
	if t, ok := s.g.thread[Thread{e.Proc, e.TID}]; ok {
		return &s.g.tasks[t]
	}
	if p, ok := s.g.proc[e.Proc]; ok {
		return &s.g.tasks[s.g.procs[p].main]
	}
	return &Task{Thread: Thread{e.Proc, e.TID}}
}

// below visits the nodes under some roots. A tree's nodes stand together.
func (s *Solution) below(roots []int, visit func(i int, n *Node)) {
	for _, root := range roots {
		if s.Nodes[root].Parent >= 0 {
			continue
		}
		for i := root + 1; i <= root+s.Nodes[root].Behind; i++ {
			visit(i, &s.Nodes[i])
		}
	}
}

// hangers says who waits below some nodes, of which one at least is a root.
func (s *Solution) hangers(of []int) []string {
	var names []string
	s.below(of, func(i int, n *Node) {
		if n.Status == StatusHangs { // else it has a way out
			names = append(names, name(n.Task))
		}
	})
	if len(names) == 0 {
		return nil
	}
	return []string{"hanging on it: " + list8(names)}
}

func (s *Solution) tasks(nodes []int) []*Task {
	var out []*Task
	for _, i := range nodes {
		out = append(out, s.Nodes[i].Task)
	}
	return out
}

func (s *Solution) steps(cycle []Step) []*Task {
	var out []*Task
	for _, step := range cycle {
		out = append(out, s.Nodes[step.Node].Task)
	}
	return out
}

// alike is a finding's Alike: the commands that are in it, what they called, and on what kinds of objects, each once.
func alike(f *schema.Finding, tasks []*Task) string {
	var words []string
	for _, t := range tasks {
		words = append(words, fmt.Sprintf("%q %s %s", t.Comm, t.Wait.Call, t.Wait.On.Kind))
	}
	slices.Sort(words)
	return strings.Join(append([]string{f.Kind, string(f.Severity), string(f.Proof)}, slices.Compact(words)...), "; ")
}

// since says from when on all of the waits have lasted, where that is known of each.
func since(tasks []*Task) []string {
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

// name is a thread in words: "4242/postgres", and for another than the main thread "4242/postgres (thread 4250)".
func name(t *Task) string {
	n := fmt.Sprintf("%d/%s", t.Proc.ID, t.Comm)
	if uint64(t.TID) != t.Proc.ID && t.TID != 0 {
		n += fmt.Sprintf(" (thread %d)", t.TID)
	}
	return n
}

// what is a wait's object and call in words, for the Ender that is told of, if one is: "sem:5 (semop [2] -1)".
func what(t *Task, by *Ender) string {
	on := "" // a thread of its own, a child
	if ref := t.Wait.of(by); !ref.IsZero() {
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

// which makes a relative clause of what an Ender is to the object: "holds it" is "which 4243/b holds".
func which(t *Task, how string) string {
	if how == "" {
		how = "could end it"
	}
	before, behind, ok := strings.Cut(how+" ", " it ")
	if !ok {
		return name(t) + " " + how
	}
	return strings.TrimSpace("which " + name(t) + " " + before + " " + behind)
}

// edge is a wait's evidence: "observed: 4243/b holds sem:5".
func edge(w, ender *Task, e *Ender) string {
	on := ""
	if ref := w.Wait.of(e); !ref.IsZero() {
		on = ref.String()
	}
	how := e.How
	if how == "" {
		how = "could end the wait on it"
	}
	before, behind, ok := strings.Cut(how+" ", " it ")
	if !ok {
		how = strings.Replace(how, " its ", " "+name(w)+"'s ", 1)
		if on != "" {
			on = " (" + on + ")"
		}
		return fmt.Sprintf("%s: %s %s%s", e.Proof, name(ender), how, on)
	}
	return strings.TrimSpace(fmt.Sprintf("%s: %s %s %s %s", e.Proof, name(ender), before, cmp.Or(on, "it"), behind))
}

func likely(p schema.Proof) string {
	if p == schema.Observed {
		return ""
	}
	return "likely "
}

// more ends a shortened list with how many it left out.
func more(told []string, of int) []string {
	if left := of - min(of, shown); left > 0 {
		return append(told[:shown:shown], fmt.Sprintf("and %d more", left))
	}
	return told[:min(len(told), shown)]
}

func list8(names []string) string { return strings.Join(more(names, len(names)), ", ") }

// refs collects objects and processes, each once.
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
