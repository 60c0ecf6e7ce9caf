package relate

import (
	"cmp"
	"slices"

	"github.com/ipctop/ipctop/collect/schema"
)

// Status is the state of a thread's wait in one word.
type Status string

const (
	// StatusDeadlock is a member of a cycle of waits that has no way out.
	StatusDeadlock Status = "deadlock"
	// StatusStuck is a wait that nobody is left to end.
	StatusStuck Status = "stuck"
	// StatusHangs is a wait whose Enders are all stuck themselves.
	StatusHangs Status = "hangs"
	// StatusStopped is a stopped thread, or a wait that cannot end before a stopped process goes on.
	StatusStopped Status = "stopped"
	// StatusTimed is a wait that ends by itself.
	StatusTimed Status = "timed"
	// StatusWaits is a wait with a free Ender.
	StatusWaits Status = "waits"
	// StatusOpen is a wait without a known free Ender that unknown processes can end.
	StatusOpen Status = "open"
	// StatusRuns is a thread that waits for nobody.
	StatusRuns Status = "runs"
)

// Bad reports that no free thread can end the wait.
func (s Status) Bad() bool {
	switch s {
	case StatusDeadlock, StatusStuck, StatusHangs, StatusStopped:
		return true
	}
	return false
}

// Node is a thread in the forest of a Solution: it waits, or other threads wait for it.
type Node struct {
	Task   *Task
	Status Status
	// Proof of "deadlock", "stuck", "hangs" and "stopped". It is observed only if every Ender behind it is observed.
	Proof schema.Proof
	// Parent is the index of the node that explains this wait best; -1: this is a root.
	Parent int
	// By is the parent's entry among the wait's Enders; nil for a root.
	By *Ender
	// Behind counts the waits below this node in the forest.
	Behind int
	// Knot is the index of the node's deadlock in Solution.Knots; -1: none.
	Knot int
}

// Knot is a deadlock: its threads wait for each other, and no other thread can free them.
type Knot struct {
	Members []int  // indices of nodes, in order of process and thread
	Cycle   []Step // a shortest cycle: each step's Ender is the next step's thread, and the last leads to the first
	Proof   schema.Proof
	// Changeable means that the deadlock rests on a changeable wait: see Wait.
	Changeable bool
}

// Step is a wait on a cycle.
type Step struct {
	Node  int // index of the node that waits
	Ender *Ender
}

// Solution holds the status of all waiting threads. It is immutable.
type Solution struct {
	// Nodes has every waiting thread and every cause of a wait. Parents come before their children. The order of the
	// roots is: deadlocks, stuck waits, stopped threads, all others. Among equals, observed comes before inferred, and
	// then the root with more waits below it.
	Nodes []Node
	Knots []Knot

	g       *graph
	class   []class // of a task, before any confirmation
	node    []int32 // of a task: its node; -1: none
	pending bool
	// The threads that two samples show in a forsaken wait; nil: none.
	forsaken map[Thread]bool
	possible *Solution // the solution without bystanders; nil: there are none
}

// class groups the threads by the way in which their waits can end, from harmless to grave.
type class uint8

const (
	unranked class = iota
	free           // a free thread can end the wait, or it ends by itself, or there is no wait
	blocked        // the wait can end only after a stopped process goes on
	stuck          // the wait cannot end
)

// Solve finds the stuck threads in an OR-wait graph: any one of its Enders can end a wait. A thread is free if it
// runs, if its wait is timed or open, or if a free thread could end its wait. Unseen Enders count as free. A thread is
// blocked if only stopped processes could free it. All other threads are stuck.
//
// The threads are read one after the other, so that a Solution may show a cycle that never existed: see Confirmed.
func Solve(tasks []Task) *Solution {
	g := newGraph(tasks)
	s := solve(g, g.seenTwice)
	if s.possible = withoutBystanders(tasks); s.possible != nil {
		s.pending = s.pending || s.possible.pending
	}
	return s
}

// solve is Solve, but counts the unsure tasks as free.
func solve(g *graph, unsure []bool) *Solution {
	r := newRanks(g)
	r.rankFree(unsure)
	r.rankBlocked()
	r.rankStuck()
	s := &Solution{g: g, class: r.class}
	for i, c := range r.class {
		s.pending = s.pending || c > free && g.tasks[i].Activity == Waiting
	}
	s.pending = s.pending || s.anyForsaken()
	s.buildForest(r)
	return s
}

// Pending reports that another sample can help: a thread looks stuck or forsaken, but no second sample has confirmed
// it.
func (s *Solution) Pending() bool { return s.pending }

// Confirmed returns the Solution that two successive samples agree on. A stuck or blocked thread keeps its class only
// if it had that class in the sample before, in the same wait: On, Call, Via and Token. Else it counts as free, and so
// do the threads that it could free. So either all members of a deadlock are confirmed, or none.
//
// A thread with the same wait in both samples slept all the time between them. So all threads of a confirmed deadlock
// slept at the same instant, though each sample reads one thread at a time. before is nil if this sample is the first:
// then no thread is stuck.
func (s *Solution) Confirmed(before *Solution) *Solution {
	unsure := slices.Clone(s.g.seenTwice)
	pending := false
	for i := range s.g.tasks {
		if s.class[i] <= free || before.confirms(s, i) {
			continue
		}
		unsure[i] = true
		pending = pending || s.g.tasks[i].Activity == Waiting
	}
	forsaken := map[Thread]bool{}
	for i := range s.g.tasks {
		if !s.isForsaken(int32(i)) {
			continue
		}
		if before.alsoForsaken(s, i) {
			forsaken[s.g.tasks[i].Thread] = true
		} else {
			pending = true
		}
	}
	c := solve(s.g, unsure)
	if s.possible != nil {
		var possible *Solution
		if before != nil {
			possible = before.possible
		}
		c.possible = s.possible.Confirmed(possible)
		pending = pending || c.possible.pending
	}
	c.class, c.pending, c.forsaken = s.class, pending, forsaken
	return c
}

// confirms reports that task i of now had the same activity and wait in s, and a class at least as grave.
func (s *Solution) confirms(now *Solution, i int) bool {
	if s == nil {
		return false
	}
	a := &now.g.tasks[i]
	j, ok := s.g.thread[a.Thread]
	if !ok {
		return false
	}
	b := &s.g.tasks[j]
	return a.Activity == b.Activity && s.class[j] >= now.class[i] && (a.Activity != Waiting || a.Wait.sameWait(&b.Wait))
}

// sameWait reports that two samples show one wait of a thread.
func (w *Wait) sameWait(v *Wait) bool {
	return w.On == v.On && w.Call == v.Call && w.Via == v.Via && w.Token == v.Token
}

// Node returns the index of a thread in Nodes; -1: the thread does not wait and explains no wait.
func (s *Solution) Node(t Thread) int {
	if i, ok := s.g.thread[t]; ok {
		return int(s.node[i])
	}
	return -1
}

func compareThreads(a, b Thread) int {
	return cmp.Or(schema.CompareRefs(a.Proc, b.Proc), cmp.Compare(a.TID, b.TID))
}
