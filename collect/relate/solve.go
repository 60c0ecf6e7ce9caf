package relate

import (
	"cmp"
	"slices"

	"github.com/ipctop/ipctop/collect/schema"
)

// Status says in one word how a thread stands.
type Status string

const (
	// StatusDeadlock is a member of a cycle of waits that has no way out.
	StatusDeadlock Status = "deadlock"
	// StatusStuck is a wait that nobody is left to end.
	StatusStuck Status = "stuck"
	// StatusHangs is a wait that only threads could end which are stuck themselves.
	StatusHangs Status = "hangs"
	// StatusStopped is a stopped thread, or a wait that ends once a stopped process goes on, and not before.
	StatusStopped Status = "stopped"
	// StatusTimed is a wait that ends by itself.
	StatusTimed Status = "timed"
	// StatusWaits is a wait that somebody can end who is free to do it.
	StatusWaits Status = "waits"
	// StatusOpen is a wait that others can end than those who are known.
	StatusOpen Status = "open"
	// StatusRuns is a thread that waits for nobody.
	StatusRuns Status = "runs"
)

// Bad says that nobody who is free can end the wait.
func (s Status) Bad() bool {
	switch s {
	case StatusDeadlock, StatusStuck, StatusHangs, StatusStopped:
		return true
	}
	return false
}

// Node is a thread in the forest of a Solution: one that waits, or one that others wait for.
type Node struct {
	Task   *Task
	Status Status
	// Proof of "deadlock", "stuck", "hangs" and "stopped": observed only if every Ender that it rests on is.
	Proof schema.Proof
	// Parent is the index of the node that explains this wait best; -1: this is a root.
	Parent int
	// By is the Ender that Parent is; nil for a root.
	By *Ender
	// Behind counts the waits below this node in the forest.
	Behind int
	// Knot is the index of the deadlock in Solution.Knots; -1: in none.
	Knot int
}

// Knot is a deadlock: threads each of which waits for others among them, and that nobody else can free.
type Knot struct {
	Members []int  // indices of nodes, in order of process and thread
	Cycle   []Step // a shortest cycle: each step's Ender is the next step's thread, the last one's the first's
	Proof   schema.Proof
}

// Step is a wait on a cycle.
type Step struct {
	Node  int // who waits
	Ender *Ender
}

// Solution tells who is stuck. It is immutable.
type Solution struct {
	// Nodes has every waiting thread and everybody who explains one: parents before their children, root causes first
	// (deadlocks, then waits that nobody is left to end, then stopped processes, then those that most hang on).
	Nodes []Node
	Knots []Knot

	g       *graph
	class   []class // before any confirmation
	node    []int32 // of a task; -1: none
	pending bool
}

// class is who could end a thread's wait, in rising gravity.
type class uint8

const (
	unranked class = iota
	free           // somebody free, or itself
	blocked        // nobody, until a stopped process goes on
	stuck          // nobody
)

// Solve decides who is stuck, in an OR-wait graph: one of its Enders is enough to end a wait. A thread is free that
// runs, whose wait is timed or open, or that somebody free could free; what was not seen is free. Threads that only a
// stopped process could free are blocked by it. All others are stuck.
//
// What threads do is read one after the other, so that a Solution may show a cycle that never was: see Confirmed.
func Solve(tasks []Task) *Solution {
	g := newGraph(tasks)
	return solve(g, g.twice)
}

// solve counts the threads that are unsure as free.
func solve(g *graph, unsure []bool) *Solution {
	r := newRanks(g)
	r.free(unsure)
	r.blocked()
	r.stuck()
	s := &Solution{g: g, class: r.class}
	for i, c := range r.class {
		s.pending = s.pending || c > free && g.tasks[i].Activity == Waiting
	}
	s.plant(r)
	return s
}

// Pending says that another sample is worth taking: a thread looks stuck that no second sample has confirmed.
func (s *Solution) Pending() bool { return s.pending }

// Confirmed is the Solution that two successive samples agree on. A thread counts as stuck, or as blocked by a
// stopped process, only if it was so in the sample before, in the same wait: On, Call, Via and Token. Any other
// counts as free, and with it whoever it could free: of a deadlock all members are confirmed or none is.
//
// A thread that slept in one wait in both samples slept all the time between them. All of a confirmed deadlock's
// threads therefore slept at one instant, though no sample saw them at one. before is nil where there is none: then
// nobody is stuck.
func (s *Solution) Confirmed(before *Solution) *Solution {
	unsure := slices.Clone(s.g.twice)
	pending := false
	for i := range s.g.tasks {
		if s.class[i] <= free || before.confirms(s, i) {
			continue
		}
		unsure[i] = true
		pending = pending || s.g.tasks[i].Activity == Waiting
	}
	c := solve(s.g, unsure)
	c.class, c.pending = s.class, pending
	return c
}

// confirms says whether the thread was as badly off before, in the same wait.
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
	return a.Activity == b.Activity && s.class[j] >= now.class[i] && (a.Activity != Waiting || a.Wait.same(&b.Wait))
}

func (w *Wait) same(v *Wait) bool {
	return w.On == v.On && w.Call == v.Call && w.Via == v.Via && w.Token == v.Token
}

// Node finds a thread in the forest; -1: it is not there, since it does not wait and explains nobody's wait.
func (s *Solution) Node(t Thread) int {
	if i, ok := s.g.thread[t]; ok {
		return int(s.node[i])
	}
	return -1
}

func compareThreads(a, b Thread) int {
	return cmp.Or(schema.CompareRefs(a.Proc, b.Proc), cmp.Compare(a.TID, b.TID))
}
