package relate

import (
	"cmp"
	"slices"
)

// ranks orders the threads by when they can go on. First come the free threads, then the threads that they could free,
// and so on. Then come the stopped threads and the threads that they block. The stuck threads come last, from the root
// causes on. Each wait that is not a root has an Ender of a lower rank.
type ranks struct {
	g     *graph
	class []class
	rank  []int32 // of a task, from 1
	count int32
	first []int32 // of a process: its thread of the lowest rank; -1: none yet
	queue []int32
	// The lists and processes that spread has visited.
	listDone, procDone []bool

	causes map[int32][]cause // see orderedCauses

	// For each task on a knot's cycle but its first: the next task on the cycle.
	onCycle map[int32]cause

	comp        []int32 // of a node: its strongly connected component
	guessed     []bool  // of a task: its status rests on inferred facts
	changeable  []bool  // of a task: its status rests on a changeable wait
	knots       []knot
	knot        []int32 // of a task: its knot; -1: none
	firstInKnot []int32 // of a process: its thread of the lowest rank within its component's knot; -1: none
}

// knot is a deadlock: a stuck component that has a cycle.
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
		first: minusOnes(len(g.procs)), firstInKnot: minusOnes(len(g.procs)), knot: minusOnes(len(g.tasks)),
		onCycle:  map[int32]cause{},
		listDone: make([]bool, len(g.lists)), procDone: make([]bool, len(g.procs)),
	}
	r.comp = g.components()
	r.guessed = g.restingOn(func(t int32) bool {
		l := g.listOf[t]
		return g.tasks[t].Wait.Assumes != "" || l >= 0 && g.lists[l].guessed
	})
	r.changeable = g.restingOn(func(t int32) bool { return g.tasks[t].Wait.Changeable })
	return r
}

func minusOnes(n int) []int32 { return slices.Repeat([]int32{-1}, n) }

// restingOn marks the tasks whose status rests on a wait of some sort: the task's own wait, or a wait further along its
// chain of Enders.
func (g *graph) restingOn(sort func(t int32) bool) []bool {
	marked := make([]bool, len(g.tasks))
	var queue []int32
	mark := func(t int32) {
		if !marked[t] {
			marked[t] = true
			queue = append(queue, t)
		}
	}
	for t := range g.tasks {
		if g.tasks[t].Activity == Waiting && sort(int32(t)) {
			mark(int32(t))
		}
	}
	if len(queue) == 0 {
		return marked
	}
	lists, procs := make([]bool, len(g.lists)), make([]bool, len(g.procs))
	through := func(of []int32) {
		for _, l := range of {
			if lists[l] {
				continue
			}
			lists[l] = true
			for _, t := range g.lists[l].waiters {
				mark(t)
			}
		}
	}
	for ; len(queue) > 0; queue = queue[1:] {
		t, p := queue[0], g.procOf[queue[0]]
		through(g.strongly.task[t])
		through(g.weakly.task[t])
		if !procs[p] {
			procs[p] = true
			through(g.strongly.proc[p])
			through(g.weakly.proc[p])
		}
	}
	return marked
}

// assign gives a thread the next rank.
func (r *ranks) assign(t int32, c class) {
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

// spread ranks all threads that the queued threads could free, directly or through others, nearest first.
func (r *ranks) spread(c class) {
	for ; len(r.queue) > 0; r.queue = r.queue[1:] {
		t := r.queue[0]
		r.visitLists(r.g.strongly.task[t], c)
		if c != stuck { // a stuck weak Ender explains no wait
			r.visitLists(r.g.weakly.task[t], c)
		}
		p := r.g.procOf[t]
		if r.procDone[p] {
			continue
		}
		r.procDone[p] = true
		r.visitLists(r.g.strongly.proc[p], c)
		if c != stuck {
			r.visitLists(r.g.weakly.proc[p], c)
		}
	}
}

// visitLists assigns ranks to the waiters of the lists that were not visited yet.
func (r *ranks) visitLists(lists []int32, c class) {
	for _, l := range lists {
		if r.listDone[l] {
			continue
		}
		r.listDone[l] = true
		for _, w := range r.g.lists[l].waiters {
			r.assign(w, c)
		}
	}
}

// rankFree ranks the free threads. First come the running threads and all that they could free. Then come the waits
// with another way out, so that such a wait is a root only if no running thread explains it.
func (r *ranks) rankFree(unsure []bool) {
	var others []int32
	for i := range r.g.tasks {
		switch t := &r.g.tasks[i]; {
		case t.Activity == Running:
			r.assign(int32(i), free)
		case unsure[i], t.Activity == Waiting && r.hasOtherWayOut(int32(i)):
			others = append(others, int32(i))
		}
	}
	r.spread(free)
	slices.SortStableFunc(others, func(a, b int32) int { return cmp.Compare(r.comp[a], r.comp[b]) })
	for _, t := range others {
		r.assign(t, free)
		r.spread(free)
	}
}

// hasOtherWayOut reports that a wait can end without a known Ender.
func (r *ranks) hasOtherWayOut(t int32) bool {
	w := &r.g.tasks[t].Wait
	return w.Timed || w.Open != "" || r.g.listOf[t] >= 0 && r.g.lists[r.g.listOf[t]].unseen
}

// rankBlocked ranks the stopped threads and the threads that only they could free.
func (r *ranks) rankBlocked() {
	for i := range r.g.tasks {
		if r.g.tasks[i].Activity == Stopped {
			r.assign(int32(i), blocked)
		}
	}
	r.spread(blocked)
}

// rankStuck ranks the remaining threads. First comes each deadlock: its cycle, then its other members. Then come the
// waits that nobody is left to end, and then the threads that wait for any of these.
func (r *ranks) rankStuck() {
	r.findKnots()
	for i := range r.knots {
		r.rankKnot(int32(i))
	}
	for t := range r.g.tasks {
		if r.rank[t] == 0 && r.g.hasNoOtherEnder(int32(t)) {
			r.assign(int32(t), stuck)
		}
	}
	r.spread(stuck)
}

// findKnots finds the components of unranked threads that have a cycle. All Enders of a stuck thread are stuck, so that
// either the whole component is stuck or no thread of it.
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

// rankKnot ranks a knot's shortest cycle against the direction of its waits, so that each thread stands below its
// Ender. Then it ranks the other members by their distance from the cycle.
func (r *ranks) rankKnot(k int32) {
	kn := &r.knots[k]
	kn.cycle = r.shortestCycle(kn)
	root := kn.cycle[0].task
	r.assign(root, stuck)
	b := newBackwardWalk(r, kn.comp)
	b.queue = append(b.queue, root)
	for i := len(kn.cycle) - 1; i > 0; i-- {
		t := kn.cycle[i].task
		r.onCycle[t] = cause{kn.cycle[(i+1)%len(kn.cycle)].task, kn.cycle[i].ender}
		r.assign(t, stuck)
		b.queue = append(b.queue, t)
	}
	for t, ok := b.next(); ok; t, ok = b.next() {
		r.assign(t, stuck)
	}
}
