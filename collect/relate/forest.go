package relate

import (
	"cmp"
	"slices"

	"github.com/ipctop/ipctop/collect/schema"
)

// up is the task that explains a wait, and which of the wait's Enders it is.
type up struct {
	task  int32
	ender int
}

var none = up{-1, -1}

// parent chooses among those who could end a wait: within a deadlock along the cycle; else whoever is nearer to the
// root cause, observed before inferred, running before waiting, the lowest process and in it the main thread.
func (r *ranks) parent(t int32) up {
	if u, ok := r.onCycle[t]; ok {
		return u
	}
	if r.g.listOf[t] < 0 || r.isRoot(t) {
		return none
	}
	l := &r.g.lists[r.g.listOf[t]]
	best := none
	for e, to := range l.to {
		if to >= 0 {
			r.prefer(&best, t, up{to, e})
		} else if to != unseen {
			p := ^to
			for _, c := range [...]int32{r.g.procs[p].main, r.first[p], r.inner[p]} {
				if c >= 0 {
					r.prefer(&best, t, up{c, e})
				}
			}
		}
	}
	return best
}

// isRoot says that a deadlock begins with the thread, or that nobody is left to end its wait.
func (r *ranks) isRoot(t int32) bool {
	if r.class[t] == stuck && r.knot[t] < 0 && r.g.alone(t) {
		return true
	}
	return r.knot[t] >= 0 && r.knots[r.knot[t]].cycle[0].task == t
}

func (r *ranks) prefer(best *up, t int32, c up) {
	e := &r.g.lists[r.g.listOf[t]].enders[c.ender]
	if e.Weak && r.class[t] == stuck {
		return
	}
	if r.mayExplain(c.task, t, e.TID != 0) && (best.task < 0 || r.compare(t, c, *best) < 0) {
		*best = c
	}
}

// mayExplain keeps the forest free of cycles: ranks fall from a wait to its parent, save from a free wait to one that
// is not, from which no way leads back. one says that the Ender is that thread rather than any of its process, of
// which one may be free.
func (r *ranks) mayExplain(c, t int32, one bool) bool {
	switch {
	case c == t:
		return false
	case r.knot[t] >= 0 && r.knot[c] != r.knot[t]:
		return false
	case r.rank[c] < r.rank[t]:
		return true
	}
	return r.class[t] == free && r.class[c] > free && (one || r.class[r.first[r.g.procOf[c]]] > free)
}

func (r *ranks) compare(t int32, a, b up) int {
	enders := r.g.lists[r.g.listOf[t]].enders
	return cmp.Or(
		after(r.rank[a.task] > r.rank[t], r.rank[b.task] > r.rank[t]),
		after(enders[a.ender].Weak, enders[b.ender].Weak),
		after(enders[a.ender].Proof != schema.Observed, enders[b.ender].Proof != schema.Observed),
		after(r.g.tasks[a.task].Activity == Waiting, r.g.tasks[b.task].Activity == Waiting),
		after(r.knot[a.task] < 0, r.knot[b.task] < 0),
		cmp.Compare(r.g.procOf[a.task], r.g.procOf[b.task]),
		after(r.g.procs[r.g.procOf[a.task]].main != a.task, r.g.procs[r.g.procOf[b.task]].main != b.task),
		cmp.Compare(a.task, b.task), cmp.Compare(a.ender, b.ender))
}

// after orders false before true.
func after(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// plant makes the forest of all waiting threads and of those that explain them.
func (s *Solution) plant(r *ranks) {
	n := len(r.g.tasks)
	ups, behind, in := make([]up, n), make([]int, n), make([]bool, n)
	var roots []int32
	children := make([][]int32, n)
	for t := range ups {
		ups[t] = none
		if r.g.tasks[t].Activity != Waiting {
			continue
		}
		in[t] = true
		if ups[t] = r.parent(int32(t)); ups[t].task >= 0 {
			p := ups[t].task
			in[p] = true
			children[p] = append(children[p], int32(t))
		}
	}
	for t := range ups {
		if in[t] && ups[t].task < 0 {
			roots = append(roots, int32(t))
		}
	}
	order := flatten(roots, children)
	for _, t := range slices.Backward(order) {
		if p := ups[t].task; p >= 0 {
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
		return cmp.Or(cmp.Compare(gravity(a), gravity(b)), after(r.likely(a), r.likely(b)), cmp.Compare(behind[b], behind[a]))
	})
	for _, c := range children {
		// Along a cycle first, so that its members stand together.
		slices.SortStableFunc(c, func(a, b int32) int { return after(!r.cyclic(a), !r.cyclic(b)) })
	}
	s.fill(r, flatten(roots, children), ups, behind)
}

func (r *ranks) cyclic(t int32) bool {
	_, ok := r.onCycle[t]
	return ok
}

// likely says that a thread does not go on only if what is inferred holds.
func (r *ranks) likely(t int32) bool { return r.class[t] > free && r.guessed[t] }

// flatten lists trees, parents before their children.
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

func (s *Solution) fill(r *ranks, order []int32, ups []up, behind []int) {
	s.node = fill(len(r.g.tasks))
	s.Nodes = make([]Node, len(order))
	for i, t := range order {
		s.node[t] = int32(i)
	}
	for i, t := range order {
		n := Node{Task: &r.g.tasks[t], Status: r.status(t), Proof: r.proof(t), Parent: -1, Behind: behind[t],
			Knot: int(r.knot[t])}
		if u := ups[t]; u.task >= 0 {
			n.Parent, n.By = int(s.node[u.task]), &n.Task.Wait.Enders[u.ender]
		}
		s.Nodes[i] = n
	}
	for i := range r.knots {
		k := Knot{Proof: r.proof(r.knots[i].members[0])}
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
	case r.class[t] == stuck && r.g.alone(t):
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

// anyFree says that one of a wait's Enders is free.
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
