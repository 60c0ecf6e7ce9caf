package relate

import (
	"cmp"
	"slices"
)

// ranks orders the threads by how they get free: first those that are, then those that they could free, and so on;
// then the same with the stopped ones; then the stuck ones, from the root causes. Each wait that is not a root has an
// Ender of a lower rank.
type ranks struct {
	g     *graph
	class []class
	rank  []int32 // of a task, from 1
	count int32
	first []int32 // of a process: its thread of the lowest rank; -1: none yet
	queue []int32
	// What spread has been through.
	listDone, procDone []bool

	onCycle map[int32]up // the parents of those on the cycles that are told

	comp    []int32 // strongly connected component of a node
	guessed []bool  // tasks whose standing rests on what is inferred
	knots   []knot
	knot    []int32 // of a task; -1: none
	inner   []int32 // of a process: its thread of the lowest rank within its component's knot; -1: none
}

type knot struct {
	members []int32
	cycle   []step
	comp    int32
}

// step is a thread on a cycle and the index of the Ender that is the next thread.
type step struct {
	task  int32
	ender int
}

func newRanks(g *graph) *ranks {
	r := &ranks{
		g: g, class: make([]class, len(g.tasks)), rank: make([]int32, len(g.tasks)),
		first: fill(len(g.procs)), inner: fill(len(g.procs)), knot: fill(len(g.tasks)),
		onCycle:  map[int32]up{},
		guessed:  make([]bool, len(g.tasks)),
		listDone: make([]bool, len(g.lists)), procDone: make([]bool, len(g.procs)),
	}
	r.comp = g.components()
	r.guess()
	return r
}

func fill(n int) []int32 { return slices.Repeat([]int32{-1}, n) }

// guess finds whose standing rests on an inferred Ender or on something that is taken for granted, its own or of
// somebody that it waits for.
func (r *ranks) guess() {
	var queue []int32
	lists, procs := make([]bool, len(r.g.lists)), make([]bool, len(r.g.procs))
	mark := func(t int32) {
		if !r.guessed[t] {
			r.guessed[t] = true
			queue = append(queue, t)
		}
	}
	through := func(of []int32) {
		for _, l := range of {
			if lists[l] {
				continue
			}
			lists[l] = true
			for _, t := range r.g.lists[l].waiters {
				mark(t)
			}
		}
	}
	for t := range r.g.tasks {
		l := r.g.listOf[t]
		if r.g.tasks[t].Activity == Waiting && r.g.tasks[t].Wait.Assumes != "" || l >= 0 && r.g.lists[l].guessed {
			mark(int32(t))
		}
	}
	for ; len(queue) > 0; queue = queue[1:] {
		t, p := queue[0], r.g.procOf[queue[0]]
		through(r.g.names.task[t])
		through(r.g.weakly.task[t])
		if !procs[p] {
			procs[p] = true
			through(r.g.names.proc[p])
			through(r.g.weakly.proc[p])
		}
	}
}

// put gives a thread the next rank.
func (r *ranks) put(t int32, c class) {
	if r.rank[t] != 0 {
		return
	}
	r.count++
	r.rank[t], r.class[t] = r.count, c
	if p := r.g.procOf[t]; r.first[p] < 0 {
		r.first[p] = t
	}
	r.queue = append(r.queue, t)
}

// spread ranks whoever the threads in the queue could free, and on, nearest first.
func (r *ranks) spread(c class) {
	for ; len(r.queue) > 0; r.queue = r.queue[1:] {
		t := r.queue[0]
		r.through(r.g.names.task[t], c)
		if c != stuck { // who is stuck and could free somebody only perhaps explains nothing
			r.through(r.g.weakly.task[t], c)
		}
		p := r.g.procOf[t]
		if r.procDone[p] {
			continue
		}
		r.procDone[p] = true
		r.through(r.g.names.proc[p], c)
		if c != stuck {
			r.through(r.g.weakly.proc[p], c)
		}
	}
}

func (r *ranks) through(lists []int32, c class) {
	for _, l := range lists {
		if r.listDone[l] {
			continue
		}
		r.listDone[l] = true
		for _, w := range r.g.lists[l].waiters {
			r.put(w, c)
		}
	}
}

// free ranks the threads that are free: what those that run could free first, so that the others, which are free in
// themselves, are roots only where nothing better explains them.
func (r *ranks) free(unsure []bool) {
	var selves []int32
	for i := range r.g.tasks {
		switch t := &r.g.tasks[i]; {
		case t.Activity == Running:
			r.put(int32(i), free)
		case unsure[i], t.Activity == Waiting && r.freeInItself(int32(i)):
			selves = append(selves, int32(i))
		}
	}
	r.spread(free)
	slices.SortStableFunc(selves, func(a, b int32) int { return cmp.Compare(r.comp[a], r.comp[b]) })
	for _, t := range selves {
		r.put(t, free)
		r.spread(free)
	}
}

func (r *ranks) freeInItself(t int32) bool {
	w := &r.g.tasks[t].Wait
	return w.Timed || w.Open != "" || r.g.listOf[t] >= 0 && r.g.lists[r.g.listOf[t]].unseen
}

func (r *ranks) blocked() {
	for i := range r.g.tasks {
		if r.g.tasks[i].Activity == Stopped {
			r.put(int32(i), blocked)
		}
	}
	r.spread(blocked)
}

// stuck ranks the rest: each deadlock along its cycle and then its other members, then the waits that nobody is left
// to end, then whoever hangs on them.
func (r *ranks) stuck() {
	r.findKnots()
	for i := range r.knots {
		r.rankKnot(int32(i))
	}
	for t := range r.g.tasks {
		if r.rank[t] == 0 && r.g.alone(int32(t)) {
			r.put(int32(t), stuck)
		}
	}
	r.spread(stuck)
}

// findKnots finds the components of unranked threads that have a cycle. All that a stuck thread waits for is stuck,
// so that a component is stuck as a whole or not at all.
func (r *ranks) findKnots() {
	members := map[int32][]int32{}
	var comps []int32
	for t := range r.g.tasks {
		if r.rank[t] != 0 {
			continue
		}
		c := r.comp[t]
		if members[c] == nil {
			comps = append(comps, c)
		}
		members[c] = append(members[c], int32(t))
	}
	for _, c := range comps {
		m := members[c]
		if len(m) == 1 && !r.g.waitsForItself(m[0]) {
			continue
		}
		for _, t := range m {
			r.knot[t] = int32(len(r.knots))
		}
		r.knots = append(r.knots, knot{members: m, comp: c})
	}
}

// rankKnot ranks a knot's shortest cycle against the direction of its waits, so that each has the one that it waits
// for above it, and then the other members by their distance from it.
func (r *ranks) rankKnot(k int32) {
	kn := &r.knots[k]
	kn.cycle = r.shortestCycle(kn)
	root := kn.cycle[0].task
	r.put(root, stuck)
	b := newInside(r, kn.comp)
	b.queue = append(b.queue, root)
	for i := len(kn.cycle) - 1; i > 0; i-- {
		t := kn.cycle[i].task
		r.onCycle[t] = up{kn.cycle[(i+1)%len(kn.cycle)].task, kn.cycle[i].ender}
		r.put(t, stuck)
		b.queue = append(b.queue, t)
	}
	for t, ok := b.next(); ok; t, ok = b.next() {
		r.put(t, stuck)
	}
}
