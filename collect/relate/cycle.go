package relate

// backwardWalk visits the threads of one component, nearest first. It walks against the direction of the waits: from
// an Ender to the threads that wait for it.
type backwardWalk struct {
	r     *ranks
	comp  int32
	queue []int32
	done  map[int32]bool // keys: lists, and ^processes
	tasks map[int32]bool
}

func newBackwardWalk(r *ranks, comp int32) *backwardWalk {
	return &backwardWalk{r: r, comp: comp, done: map[int32]bool{}, tasks: map[int32]bool{}}
}

// next takes a thread from the queue and appends the threads that wait for it. It returns false if the queue is empty.
func (b *backwardWalk) next() (int32, bool) {
	if len(b.queue) == 0 {
		return 0, false
	}
	t := b.queue[0]
	b.queue = b.queue[1:]
	g := b.r.g
	for _, l := range g.strongly.task[t] {
		b.visitList(l)
	}
	if p := g.procOf[t]; !b.done[^p] {
		b.done[^p] = true
		if b.r.firstInKnot[p] < 0 && b.r.comp[int(p)+len(g.tasks)+len(g.lists)] == b.comp {
			b.r.firstInKnot[p] = t
		}
		for _, l := range g.strongly.proc[p] {
			b.visitList(l)
		}
	}
	return t, true
}

// visitList queues the waiters of a list of the component, once.
func (b *backwardWalk) visitList(l int32) {
	g := b.r.g
	if b.done[l] || b.r.comp[int(l)+len(g.tasks)] != b.comp {
		return
	}
	b.done[l] = true
	for _, w := range g.lists[l].waiters {
		if b.r.comp[w] == b.comp && !b.tasks[w] {
			b.tasks[w] = true
			b.queue = append(b.queue, w)
		}
	}
}

// cycleBudget is the largest number of edges that shortestCycle follows in one knot. After that it returns the best
// cycle so far.
const cycleBudget = 1 << 18

// shortestCycle returns a shortest cycle of a knot. It starts at the cycle's first thread in order of process and
// thread. In a large knot it tries only the cycles through the first threads.
func (r *ranks) shortestCycle(kn *knot) []step {
	var best []step
	budget := cycleBudget
	for _, t := range kn.members {
		if r.g.waitsForItself(t) {
			return r.cycleFrom(t, &budget)
		}
	}
	for _, t := range kn.members {
		if c := r.cycleFrom(t, &budget); best == nil || len(c) < len(best) {
			best = c
		}
		if len(best) == 2 || budget < 0 {
			break
		}
	}
	return rotate(best)
}

// rotate returns the cycle with its lowest thread first.
func rotate(c []step) []step {
	low := 0
	for i := range c {
		if c[i].task < c[low].task {
			low = i
		}
	}
	return append(append([]step{}, c[low:]...), c[:low]...)
}

// cycleFrom finds a shortest cycle through the thread start, in the direction of the waits; nil: none.
func (r *ranks) cycleFrom(start int32, budget *int) []step {
	from := map[int32]step{} // for each reached thread: the waiting thread before it, and the index of the Ender
	seenList, seenProc := map[int32]bool{}, map[int32]bool{}
	queue := []int32{start}
	reach := func(t, w int32, e int) bool {
		*budget--
		if r.comp[w] != r.comp[start] {
			return false
		}
		if _, ok := from[w]; ok {
			return false
		}
		from[w] = step{t, e}
		queue = append(queue, w)
		return w == start
	}
	for len(queue) > 0 {
		t := queue[0]
		queue = queue[1:]
		l := r.g.listOf[t]
		if l < 0 || seenList[l] {
			continue
		}
		closed := true
		for e := range r.g.lists[l].to {
			to := r.g.lists[l].strongEnder(e)
			if to >= 0 {
				if reach(t, to, e) {
					return trace(from, start)
				}
				continue
			}
			p := ^to
			if to == unseen || seenProc[p] {
				continue
			}
			for w := r.g.procs[p].first; w < r.g.procs[p].after; w++ {
				if w == t {
					continue
				}
				if reach(t, w, e) {
					return trace(from, start)
				}
			}
			// The start does not wait for itself when it waits for its own process. But other threads that wait for the
			// process do wait for the start, so the list and the process stay open for them.
			if t == start && p == r.g.procOf[t] {
				closed = false
			} else {
				seenProc[p] = true
			}
		}
		seenList[l] = closed
	}
	return nil
}

// trace follows from backwards from start to start, and returns the cycle in the direction of the waits.
func trace(from map[int32]step, start int32) []step {
	var c []step
	for at := start; ; {
		s := from[at]
		c = append(c, s)
		if at = s.task; at == start {
			break
		}
	}
	for i, j := 0, len(c)-1; i < j; i, j = i+1, j-1 {
		c[i], c[j] = c[j], c[i]
	}
	return c
}
