package relate

import (
	"math"
	"slices"

	"github.com/ipctop/ipctop/collect/schema"
)

// graph leads from each wait to its Enders. Waits with the same list of Enders share one node, so that a pipe with 500
// writers and 500 readers makes 1,000 edges, not 250,000:
//
//	thread ─► list of Enders ─► threads, and processes ─► their threads
type graph struct {
	tasks     []Task // in order of process and thread
	seenTwice []bool // of a task: the input has it twice; such a task counts as free
	thread    map[Thread]int32
	procs     []process
	proc      map[schema.Ref]int32
	procOf    []int32 // of a task: its process
	lists     []list
	listOf    []int32 // of a task: its list of Enders; -1: it does not wait, or has no Ender
	// The lists whose Enders include a task or process: as an ordinary Ender, and as a weak Ender.
	strongly, weakly mentions
}

// mentions holds, for each task and each process, the lists that include it.
type mentions struct {
	task, proc [][]int32
}

type process struct {
	first, after int32 // its threads: tasks[first:after]
	main         int32 // the thread whose TID is the pid, else the first thread
}

// list holds the Enders of one or several waits.
type list struct {
	enders  []Ender
	to      []int32 // of an Ender: its task, or ^process, or unseen
	waiters []int32 // the tasks whose waits have these Enders
	unseen  bool    // an Ender is unseen
	guessed bool    // an Ender is inferred
}

// unseen stands for an Ender that is not among the tasks.
const unseen = math.MinInt32

// sliceID identifies a slice: slices with the same memory are one list.
type sliceID struct {
	at *Ender
	n  int
}

func newGraph(tasks []Task) *graph {
	g := &graph{tasks: slices.Clone(tasks), thread: make(map[Thread]int32, len(tasks))}
	slices.SortStableFunc(g.tasks, func(a, b Task) int { return compareThreads(a.Thread, b.Thread) })
	g.dropDuplicates()
	g.indexProcs()
	for _, n := range []*mentions{&g.strongly, &g.weakly} {
		n.task, n.proc = make([][]int32, len(g.tasks)), make([][]int32, len(g.procs))
	}
	g.listOf = make([]int32, len(g.tasks))
	seen := map[sliceID]int32{}
	for i := range g.tasks {
		t := &g.tasks[i]
		g.listOf[i] = -1
		if t.Activity != Waiting || len(t.Wait.Enders) == 0 {
			continue
		}
		key := sliceID{&t.Wait.Enders[0], len(t.Wait.Enders)}
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

// dropDuplicates keeps one task of each thread, and notes the threads that occur twice.
func (g *graph) dropDuplicates() {
	kept := g.tasks[:0]
	for i := range g.tasks {
		if n := len(kept); n > 0 && kept[n-1].Thread == g.tasks[i].Thread {
			g.seenTwice[n-1] = true
			continue
		}
		g.thread[g.tasks[i].Thread] = int32(len(kept))
		kept, g.seenTwice = append(kept, g.tasks[i]), append(g.seenTwice, false)
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
		names := &g.strongly
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

// strongEnder returns the node of the list's k-th Ender, or unseen for a weak Ender.
func (l *list) strongEnder(k int) int32 {
	if l.enders[k].Weak {
		return unseen
	}
	return l.to[k]
}

// hasNoOtherEnder reports that no other thread is known to be able to end the wait of t. Weak Enders do not count.
func (g *graph) hasNoOtherEnder(t int32) bool {
	if g.listOf[t] < 0 {
		return true
	}
	l := &g.lists[g.listOf[t]]
	for k := range l.to {
		to := l.strongEnder(k)
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

// waitsForItself reports that a thread is an Ender of its own wait: it locks a mutex that it holds already.
func (g *graph) waitsForItself(t int32) bool {
	if g.listOf[t] < 0 {
		return false
	}
	l := &g.lists[g.listOf[t]]
	for k := range l.to {
		if l.strongEnder(k) == t {
			return true
		}
	}
	return false
}

// nodes counts the nodes of the graph. Their numbers go on from tasks to lists and then to processes.
func (g *graph) nodes() int { return len(g.tasks) + len(g.lists) + len(g.procs) }

// successor returns node v's k-th successor; -1: v has at most k. A list is its own successor in place of an unseen or
// weak Ender.
func (g *graph) successor(v, k int) int {
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
		switch t := l.strongEnder(k); {
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

// components numbers the strongly connected components of the graph (Tarjan 1972) and returns each node's number. A
// component has a higher number than the components that it waits for.
func (g *graph) components() []int32 {
	n := g.nodes()
	of, count := make([]int32, n), int32(0)
	low, index := make([]int32, n), make([]int32, n)
	var path, open []int32 // the path of the depth-first search, and the nodes that have no component yet
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
			if w := g.successor(int(v), int(at[v])); w >= 0 {
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
				parent := path[len(path)-1]
				low[parent] = min(low[parent], low[v])
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
