package relate

import (
	"cmp"
	"slices"

	"github.com/ipctop/ipctop/collect/schema"
)

// cause is the task that explains a wait, and the index of its Ender among the wait's Enders.
type cause struct {
	task  int32
	ender int
}

var noCause = cause{-1, -1}

// parent chooses the task that explains a wait best. In a deadlock, it is the next task on the cycle. Else it is the
// task nearest to the root cause: observed before inferred, running before waiting, then the lowest process, and its
// main thread first.
func (r *ranks) parent(t int32) cause {
	if u, ok := r.onCycle[t]; ok {
		return u
	}
	if r.g.listOf[t] < 0 || r.isRoot(t) {
		return noCause
	}
	l := r.g.listOf[t]
	best := noCause
	if len(r.g.lists[l].waiters) <= fewWaiters {
		r.eachCause(l, func(c cause) {
			if r.mayCause(c, t) && (best.task < 0 || r.compareCauses(t, c, best) < 0) {
				best = c
			}
		})
		return best
	}
	for _, c := range r.orderedCauses(l) {
		switch {
		case !r.mayCause(c, t):
		case r.rank[c.task] <= r.rank[t]:
			return c
		case best.task < 0:
			best = c
		}
	}
	return best
}

// fewWaiters is the number of waits for which a search of their common list is cheaper than its order.
const fewWaiters = 16

// eachCause visits the possible causes of the waits for a list: the Ender itself, or threads of its process.
func (r *ranks) eachCause(list int32, visit func(cause)) {
	for e, to := range r.g.lists[list].to {
		if to >= 0 {
			visit(cause{to, e})
		} else if to != unseen {
			p := ^to
			for _, c := range [...]int32{r.g.procs[p].main, r.first[p], r.firstInKnot[p]} {
				if c >= 0 {
					visit(cause{c, e})
				}
			}
		}
	}
}

// orderedCauses are the possible causes of the waits for a list, the best first. The order of all but the ranks is the
// same for each wait.
func (r *ranks) orderedCauses(list int32) []cause {
	if known, ok := r.causes[list]; ok {
		return known
	}
	var all []cause
	r.eachCause(list, func(c cause) { all = append(all, c) })
	slices.SortFunc(all, func(a, b cause) int { return r.compareForAll(list, a, b) })
	if r.causes == nil {
		r.causes = map[int32][]cause{}
	}
	r.causes[list] = all
	return all
}

// isRoot reports that the thread is the first of a deadlock's cycle, or that nobody is left to end its wait.
func (r *ranks) isRoot(t int32) bool {
	if r.class[t] == stuck && r.knot[t] < 0 && r.g.hasNoOtherEnder(t) {
		return true
	}
	return r.knot[t] >= 0 && r.knots[r.knot[t]].cycle[0].task == t
}

// mayCause reports that c may explain the wait of t.
func (r *ranks) mayCause(c cause, t int32) bool {
	e := &r.g.lists[r.g.listOf[t]].enders[c.ender]
	if e.Bystander || e.Weak && r.class[t] == stuck {
		return false // a bystander is no cause
	}
	return r.mayExplain(c.task, t, e.TID != 0)
}

// mayExplain reports that c may be the parent of t. It keeps the forest free of cycles: the parent has a lower rank.
// One exception: the parent of a free wait may be a thread that is not free, as no path leads back from there. single
// says that the Ender is the thread c itself. Else it is the whole process of c, and another thread of it may be free.
func (r *ranks) mayExplain(c, t int32, single bool) bool {
	switch {
	case c == t:
		return false
	case r.knot[t] >= 0 && r.knot[c] != r.knot[t]:
		return false
	case r.rank[c] < r.rank[t]:
		return true
	}
	return r.class[t] == free && r.class[c] > free && (single || r.class[r.first[r.g.procOf[c]]] > free)
}

// compareCauses orders two causes of the wait of t, the better cause first: see parent.
func (r *ranks) compareCauses(t int32, a, b cause) int {
	if order := falseFirst(r.rank[a.task] > r.rank[t], r.rank[b.task] > r.rank[t]); order != 0 {
		return order
	}
	return r.compareForAll(r.g.listOf[t], a, b)
}

// compareForAll is the part of compareCauses that is the same for all waits for a list.
func (r *ranks) compareForAll(list int32, a, b cause) int {
	enders := r.g.lists[list].enders
	return cmp.Or(
		falseFirst(enders[a.ender].Weak, enders[b.ender].Weak),
		falseFirst(enders[a.ender].Proof != schema.Observed, enders[b.ender].Proof != schema.Observed),
		falseFirst(r.g.tasks[a.task].Activity == Waiting, r.g.tasks[b.task].Activity == Waiting),
		falseFirst(r.knot[a.task] < 0, r.knot[b.task] < 0),
		cmp.Compare(r.g.procOf[a.task], r.g.procOf[b.task]),
		falseFirst(r.g.procs[r.g.procOf[a.task]].main != a.task, r.g.procs[r.g.procOf[b.task]].main != b.task),
		cmp.Compare(a.task, b.task), cmp.Compare(a.ender, b.ender))
}

// falseFirst compares two conditions: false is less than true.
func falseFirst(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// buildForest makes the forest of all waiting threads and their causes.
func (s *Solution) buildForest(r *ranks) {
	n := len(r.g.tasks)
	causes, behind, in := make([]cause, n), make([]int, n), make([]bool, n)
	var roots []int32
	children := make([][]int32, n)
	for t := range causes {
		causes[t] = noCause
		if r.g.tasks[t].Activity != Waiting {
			continue
		}
		in[t] = true
		if causes[t] = r.parent(int32(t)); causes[t].task >= 0 {
			p := causes[t].task
			in[p] = true
			children[p] = append(children[p], int32(t))
		}
	}
	for t := range causes {
		if in[t] && causes[t].task < 0 {
			roots = append(roots, int32(t))
		}
	}
	order := flatten(roots, children)
	for _, t := range slices.Backward(order) {
		if p := causes[t].task; p >= 0 {
			behind[p] += behind[t] + 1
		}
	}
	gravity := func(t int32) int {
		switch {
		case r.knot[t] >= 0:
			return 0
		case r.class[t] == stuck:
			return 1
		case r.class[t] == blocked:
			return 2
		}
		return 3
	}
	slices.SortStableFunc(roots, func(a, b int32) int {
		return cmp.Or(cmp.Compare(gravity(a), gravity(b)), falseFirst(r.likelyBad(a), r.likelyBad(b)),
			cmp.Compare(behind[b], behind[a]))
	})
	for _, c := range children {
		// A child on a cycle comes first, so that the members of the cycle are neighbours.
		slices.SortStableFunc(c, func(a, b int32) int { return falseFirst(!r.onCycleTail(a), !r.onCycleTail(b)) })
	}
	s.fillNodes(r, flatten(roots, children), causes, behind)
}

// onCycleTail reports that a task is on the cycle of its knot, but not its first task.
func (r *ranks) onCycleTail(t int32) bool {
	_, ok := r.onCycle[t]
	return ok
}

// likelyBad reports that a thread looks blocked or stuck, and that this rests on inferred facts.
func (r *ranks) likelyBad(t int32) bool { return r.class[t] > free && r.guessed[t] }

// flatten lists the tasks of all trees, parents before their children.
func flatten(roots []int32, children [][]int32) []int32 {
	var out []int32
	open := slices.Clone(roots)
	slices.Reverse(open)
	for len(open) > 0 {
		t := open[len(open)-1]
		open = open[:len(open)-1]
		out = append(out, t)
		for _, c := range slices.Backward(children[t]) {
			open = append(open, c)
		}
	}
	return out
}

// fillNodes makes Nodes and Knots from the tasks in the forest's order.
func (s *Solution) fillNodes(r *ranks, order []int32, causes []cause, behind []int) {
	s.node = minusOnes(len(r.g.tasks))
	s.Nodes = make([]Node, len(order))
	for i, t := range order {
		s.node[t] = int32(i)
	}
	for i, t := range order {
		n := Node{Task: &r.g.tasks[t], Status: r.status(t), Proof: r.proof(t), Parent: -1, Behind: behind[t],
			Knot: int(r.knot[t])}
		if u := causes[t]; u.task >= 0 {
			n.Parent, n.By = int(s.node[u.task]), &n.Task.Wait.Enders[u.ender]
		}
		s.Nodes[i] = n
	}
	for i := range r.knots {
		first := r.knots[i].members[0]
		k := Knot{Proof: r.proof(first), Changeable: r.changeable[first]}
		for _, t := range r.knots[i].members {
			k.Members = append(k.Members, int(s.node[t]))
		}
		for _, c := range r.knots[i].cycle {
			k.Cycle = append(k.Cycle, Step{int(s.node[c.task]), &r.g.tasks[c.task].Wait.Enders[c.ender]})
		}
		s.Knots = append(s.Knots, k)
	}
}

func (r *ranks) proof(t int32) schema.Proof {
	if r.guessed[t] {
		return schema.Inferred
	}
	return schema.Observed
}

func (r *ranks) status(t int32) Status {
	task := &r.g.tasks[t]
	switch {
	case task.Activity == Running:
		return StatusRuns
	case task.Activity == Stopped, r.class[t] == blocked:
		return StatusStopped
	case r.knot[t] >= 0:
		return StatusDeadlock
	case r.class[t] == stuck && r.g.hasNoOtherEnder(t):
		return StatusStuck
	case r.class[t] == stuck:
		return StatusHangs
	case task.Wait.Timed:
		return StatusTimed
	case task.Wait.Open != "" && !r.anyFree(t):
		return StatusOpen
	}
	return StatusWaits
}

// anyFree reports that one of the wait's Enders is free.
func (r *ranks) anyFree(t int32) bool {
	if r.g.listOf[t] < 0 {
		return false
	}
	return slices.ContainsFunc(r.g.lists[r.g.listOf[t]].to, func(to int32) bool {
		switch {
		case to == unseen:
			return true
		case to >= 0:
			return to != t && r.class[to] == free
		}
		if c := r.first[^to]; c != t {
			return r.class[c] == free
		}
		p := r.g.procs[^to]
		for c := p.first; c < p.after; c++ {
			if c != t && r.class[c] == free {
				return true
			}
		}
		return false
	})
}
