package relate

import (
	"math"
	"slices"

	"github.com/ipctop/ipctop/collect/schema"
)

// graph is who could end whose wait. Waits that have one list of Enders share it, so that a pipe with 500 writers and
// 500 readers makes 1,000 edges:
//
//	thread ─► list of Enders ─► threads, and processes ─► their threads
type graph struct {
	tasks  []Task // in order of process and thread
	twice  []bool // tasks that were seen twice: they count as free
	thread map[Thread]int32
	procs  []process
	proc   map[schema.Ref]int32
	procOf []int32 // of a task
	lists  []list
	listOf []int32 // of a task; -1: it does not wait, or for nobody
	// The lists that name a task or a process, and those that do so weakly.
	names, weakly naming
}

// naming is by which lists tasks and processes are named.
type naming struct {
	task, proc [][]int32
}

type process struct {
	first, after int32 // its threads: tasks[first:after]
	main         int32 // the one whose TID is the pid, else the first
}

// list is what one or several waits have as Enders.
type list struct {
	enders  []Ender
	to      []int32 // of an Ender: a task, or ^process, or unseen
	waiters []int32
	unseen  bool
	guessed bool // an Ender is inferred
}

const unseen = math.MinInt32

// A slice's identity: lists that share memory are one list.
type slot struct {
	at *Ender
	n  int
}

func newGraph(tasks []Task) *graph {
	g := &graph{tasks: slices.Clone(tasks), thread: make(map[Thread]int32, len(tasks))}
	slices.SortStableFunc(g.tasks, func(a, b Task) int { return compareThreads(a.Thread, b.Thread) })
	g.unique()
	g.indexProcs()
	for _, n := range []*naming{&g.names, &g.weakly} {
		n.task, n.proc = make([][]int32, len(g.tasks)), make([][]int32, len(g.procs))
	}
	g.listOf = make([]int32, len(g.tasks))
	seen := map[slot]int32{}
	for i := range g.tasks {
		t := &g.tasks[i]
		g.listOf[i] = -1
		if t.Activity != Waiting || len(t.Wait.Enders) == 0 {
			continue
		}
		key := slot{&t.Wait.Enders[0], len(t.Wait.Enders)}
		l, ok := seen[key]
		if !ok {
			l = int32(len(g.lists))
			seen[key] = l
			g.lists = append(g.lists, g.resolve(t.Wait.Enders))
		}
		g.lists[l].waiters = append(g.lists[l].waiters, int32(i))
		g.listOf[i] = l
	}
	return g
}

// unique keeps one task of each thread and notes which were seen twice.
func (g *graph) unique() {
	kept := g.tasks[:0]
	for i := range g.tasks {
		if n := len(kept); n > 0 && kept[n-1].Thread == g.tasks[i].Thread {
			g.twice[n-1] = true
			continue
		}
		g.thread[g.tasks[i].Thread] = int32(len(kept))
		kept, g.twice = append(kept, g.tasks[i]), append(g.twice, false)
	}
	g.tasks = kept
}

func (g *graph) indexProcs() {
	g.proc = map[schema.Ref]int32{}
	g.procOf = make([]int32, len(g.tasks))
	for i := range g.tasks {
		ref := g.tasks[i].Proc
		p, ok := g.proc[ref]
		if !ok {
			p = int32(len(g.procs))
			g.proc[ref] = p
			g.procs = append(g.procs, process{first: int32(i), main: int32(i)})
		}
		g.procs[p].after = int32(i) + 1
		g.procOf[i] = p
		if uint64(g.tasks[i].TID) == ref.ID {
			g.procs[p].main = int32(i)
		}
	}
}

func (g *graph) resolve(enders []Ender) list {
	at := int32(len(g.lists))
	l := list{enders: enders, to: make([]int32, len(enders))}
	for i := range enders {
		e := &enders[i]
		l.to[i] = unseen
		names := &g.names
		if e.Weak {
			names = &g.weakly
		}
		if e.TID != 0 {
			if t, ok := g.thread[Thread{e.Proc, e.TID}]; ok {
				l.to[i] = t
				names.task[t] = append(names.task[t], at)
			}
		} else if p, ok := g.proc[e.Proc]; ok {
			l.to[i] = ^p
			names.proc[p] = append(names.proc[p], at)
		}
		l.unseen = l.unseen || l.to[i] == unseen
		l.guessed = l.guessed || e.Proof != schema.Observed
	}
	return l
}

// strong is a list's k-th Ender if it is not weak, else unseen.
func (l *list) strong(k int) int32 {
	if l.enders[k].Weak {
		return unseen
	}
	return l.to[k]
}

// alone says that no thread but the waiting one itself is known to be able to end its wait.
func (g *graph) alone(t int32) bool {
	if g.listOf[t] < 0 {
		return true
	}
	l := &g.lists[g.listOf[t]]
	for k := range l.to {
		to := l.strong(k)
		if to >= 0 {
			return false
		}
		if to == unseen {
			continue
		}
		if p := ^to; p != g.procOf[t] || g.procs[p].after-g.procs[p].first > 1 {
			return false
		}
	}
	return true
}

// waitsForItself says that the thread is named among those who could end its own wait: it holds the mutex that it
// locks.
func (g *graph) waitsForItself(t int32) bool {
	if g.listOf[t] < 0 {
		return false
	}
	l := &g.lists[g.listOf[t]]
	for k := range l.to {
		if l.strong(k) == t {
			return true
		}
	}
	return false
}

// The nodes of the graph are numbered: tasks, then lists, then processes.
func (g *graph) nodes() int { return len(g.tasks) + len(g.lists) + len(g.procs) }

// next is a node's k-th successor; -1: it has no more. For Enders that are unseen or weak a list stands itself.
func (g *graph) next(v, k int) int {
	n, m := len(g.tasks), len(g.lists)
	switch {
	case v < n:
		if k == 0 && g.listOf[v] >= 0 {
			return n + int(g.listOf[v])
		}
	case v < n+m:
		l := &g.lists[v-n]
		if k >= len(l.to) {
			break
		}
		switch t := l.strong(k); {
		case t == unseen:
			return v
		case t < 0:
			return n + m + int(^t)
		default:
			return int(t)
		}
	default:
		if p := &g.procs[v-n-m]; int(p.first)+k < int(p.after) {
			return int(p.first) + k
		}
	}
	return -1
}

// components numbers the strongly connected components of the graph (Tarjan 1972), those that others wait for first.
func (g *graph) components() []int32 {
	n := g.nodes()
	of, count := make([]int32, n), int32(0)
	low, index := make([]int32, n), make([]int32, n)
	var path, open []int32 // of the depth-first search, and of what has no component yet
	at := make([]int32, n) // the next successor to look at
	clock := int32(0)
	for root := range n {
		if index[root] != 0 {
			continue
		}
		path = append(path, int32(root))
		for len(path) > 0 {
			v := path[len(path)-1]
			if index[v] == 0 {
				clock++
				index[v], low[v], of[v] = clock, clock, -1
				open = append(open, v)
			}
			if w := g.next(int(v), int(at[v])); w >= 0 {
				at[v]++
				if index[w] == 0 {
					path = append(path, int32(w))
				} else if of[w] < 0 {
					low[v] = min(low[v], index[w])
				}
				continue
			}
			path = path[:len(path)-1]
			if len(path) > 0 {
				up := path[len(path)-1]
				low[up] = min(low[up], low[v])
			}
			if low[v] == index[v] {
				for {
					w := open[len(open)-1]
					open = open[:len(open)-1]
					of[w] = count
					if w == v {
						break
					}
				}
				count++
			}
		}
	}
	return of
}
