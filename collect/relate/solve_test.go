package relate

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ipctop/ipctop/collect/schema"
)

func proc(pid int) schema.Ref { return schema.Ref{Kind: schema.Proc, ID: uint64(pid), Gen: 7} }

// decode makes tasks of any bytes: first the threads of each process, then the activity of each thread.
func decode(b []byte) []Task {
	at := 0
	next := func() int {
		if at >= len(b) {
			return 0
		}
		at++
		return int(b[at-1])
	}
	procs := 1 + next()%6
	var tasks []Task
	for p := 1; p <= procs; p++ {
		for i := range 1 + next()%3*(next()%2) {
			tasks = append(tasks, Task{Thread: Thread{proc(p * 10), p*10 + i}, Comm: "w"})
		}
	}
	var shared []Ender
	for i := range tasks {
		t := &tasks[i]
		kind := next()
		switch {
		case kind < 16:
			t.Activity = Running
			continue
		case kind < 40:
			t.Activity = Stopped
			continue
		}
		t.Activity = Waiting
		t.Wait = Wait{On: schema.Ref{Kind: schema.Pipe, ID: uint64(kind)}, Via: "read", Timed: kind >= 240}
		if kind >= 230 && kind < 240 {
			t.Wait.Open = "anybody"
		}
		if kind%32 == 1 {
			t.Wait.Assumes = "that nobody else has it"
		}
		if kind%8 == 0 && shared != nil {
			t.Wait.Enders = shared
			continue
		}
		for range next() % 4 {
			who := next()
			e := Ender{Proc: proc(10 * (1 + who%procs)), How: "reads it", Proof: schema.Observed}
			if who >= 200 {
				target := tasks[who%len(tasks)]
				e.Proc, e.TID = target.Proc, target.TID
			}
			if who == 77 {
				e.Proc = proc(999)
			}
			e.Weak = who%11 == 0
			if who%13 == 0 {
				e.Proof = schema.Inferred
			}
			t.Wait.Enders = append(t.Wait.Enders, e)
		}
		if len(t.Wait.Enders) > 0 {
			shared = t.Wait.Enders
		}
	}
	return tasks
}

// enders returns the tasks that could end a wait, straight from the definition. unseen: an Ender has no task.
func enders(tasks []Task, i int) (who []int, unseen bool) {
	return endersOf(tasks, i, tasks[i].Wait.Enders)
}

// strong returns the tasks of the Enders that are not weak.
func strong(tasks []Task, i int) []int {
	who, _ := endersOf(tasks, i, slices.DeleteFunc(slices.Clone(tasks[i].Wait.Enders),
		func(e Ender) bool { return e.Weak }))
	return who
}

func endersOf(tasks []Task, i int, of []Ender) (who []int, unseen bool) {
	for _, e := range of {
		found := false
		for j := range tasks {
			switch {
			case tasks[j].Proc != e.Proc:
			case e.TID != 0 && tasks[j].TID == e.TID:
				found = true
				who = append(who, j)
			case e.TID == 0:
				found = true
				if j != i {
					who = append(who, j)
				}
			}
		}
		unseen = unseen || !found
	}
	return who, unseen
}

// trapped returns the largest set of waiting threads whose Enders are all in the set. withStopped adds the stopped
// threads to the set.
func trapped(tasks []Task, withStopped bool) []bool {
	in := make([]bool, len(tasks))
	for i := range tasks {
		in[i] = tasks[i].Activity == Waiting || withStopped && tasks[i].Activity == Stopped
	}
	for again := true; again; {
		again = false
		for i := range tasks {
			if !in[i] || tasks[i].Activity != Waiting {
				continue
			}
			who, unseen := enders(tasks, i)
			out := unseen || tasks[i].Wait.Timed || tasks[i].Wait.Open != ""
			for _, j := range who {
				out = out || !in[j]
			}
			if out {
				in[i], again = false, true
			}
		}
	}
	return in
}

// reaches tells for each two tasks if a chain of one or more waits leads from the first to the second. all: the chain
// may use weak Enders.
func reaches(tasks []Task, all bool) [][]bool {
	n := len(tasks)
	r := make([][]bool, n)
	for i := range r {
		r[i] = make([]bool, n)
		if tasks[i].Activity == Waiting {
			who, _ := enders(tasks, i)
			if !all {
				who = strong(tasks, i)
			}
			for _, j := range who {
				r[i][j] = true
			}
		}
	}
	for k := range n {
		for i := range n {
			for j := range n {
				r[i][j] = r[i][j] || r[i][k] && r[k][j]
			}
		}
	}
	return r
}

// wantStatus is the definition of a status. held holds the trapped tasks with the stopped tasks, stuck without them.
func wantStatus(tasks []Task, i int, stuck, held []bool, reach [][]bool) Status {
	t := &tasks[i]
	who, unseen := enders(tasks, i)
	switch {
	case t.Activity == Running:
		return StatusRuns
	case t.Activity == Stopped:
		return StatusStopped
	case stuck[i] && reach[i][i]:
		return StatusDeadlock
	case stuck[i] && len(strong(tasks, i)) == 0:
		return StatusStuck
	case stuck[i]:
		return StatusHangs
	case held[i]:
		return StatusStopped
	case t.Wait.Timed:
		return StatusTimed
	}
	for _, j := range who {
		unseen = unseen || j != i && !held[j]
	}
	if t.Wait.Open != "" && !unseen {
		return StatusOpen
	}
	return StatusWaits
}

func wantProof(tasks []Task, i int, reach [][]bool) schema.Proof {
	for j := range tasks {
		if j != i && !reach[i][j] || tasks[j].Activity != Waiting {
			continue
		}
		if tasks[j].Wait.Assumes != "" {
			return schema.Inferred
		}
		for _, e := range tasks[j].Wait.Enders {
			if e.Proof != schema.Observed {
				return schema.Inferred
			}
		}
	}
	return schema.Observed
}

func checkSolution(t *testing.T, tasks []Task) {
	t.Helper()
	s := Solve(tasks)
	stuck, held, reach := trapped(tasks, false), trapped(tasks, true), reaches(tasks, false)
	far := reaches(tasks, true)
	index := map[Thread]int{}
	pending := false
	for i := range tasks {
		index[tasks[i].Thread] = i
		n := s.Node(tasks[i].Thread)
		if n < 0 {
			if tasks[i].Activity == Waiting {
				t.Errorf("%v waits and is not in the forest", tasks[i].Thread)
			}
			continue
		}
		want := wantStatus(tasks, i, stuck, held, reach)
		if got := s.Nodes[n].Status; got != want {
			t.Errorf("%v is %q, want %q", tasks[i].Thread, got, want)
		}
		pending = pending || tasks[i].Activity == Waiting && held[i]
		if held[i] {
			if got, want := s.Nodes[n].Proof, wantProof(tasks, i, far); got != want {
				t.Errorf("%v is %s %s, want %s", tasks[i].Thread, got, s.Nodes[n].Status, want)
			}
		}
	}
	if s.Pending() != pending {
		t.Errorf("Pending() = %v, want %v", s.Pending(), pending)
	}
	checkForest(t, s, tasks, index, stuck, held)
	checkKnots(t, s, tasks, index, reach)
	for _, f := range s.Findings() {
		if f.Says == "" || f.Advice == "" || len(f.Refs) == 0 || len(f.Evidence) == 0 {
			t.Errorf("a finding says too little: %+v", f)
		}
	}
	if again := s.Confirmed(s); !slices.EqualFunc(again.Nodes, s.Nodes, func(a, b Node) bool {
		return a.Task.Thread == b.Task.Thread && a.Status == b.Status && a.Parent == b.Parent
	}) || again.Pending() {
		t.Error("what two equal samples show is not confirmed")
	}
	if first := s.Confirmed(nil); len(first.Findings()) > 0 || first.Pending() != pending {
		t.Errorf("one sample alone gives %v", first.Findings())
	}
}

func checkForest(t *testing.T, s *Solution, tasks []Task, index map[Thread]int, stuck, held []bool) {
	t.Helper()
	seen := map[Thread]bool{}
	children := make([]int, len(s.Nodes))
	for i := range s.Nodes {
		n := &s.Nodes[i]
		if seen[n.Task.Thread] {
			t.Errorf("%v is in the forest twice", n.Task.Thread)
		}
		seen[n.Task.Thread] = true
		at := index[n.Task.Thread]
		if n.Parent >= i {
			t.Fatalf("node %d has the later node %d as parent", i, n.Parent)
		}
		if n.Parent >= 0 {
			children[n.Parent]++
			p := index[s.Nodes[n.Parent].Task.Thread]
			if who, _ := enders(tasks, at); !slices.Contains(who, p) {
				t.Errorf("%v hangs on %v, which could not end its wait", n.Task.Thread, tasks[p].Thread)
			}
			if n.By.Proc != tasks[p].Proc || n.By.TID != 0 && n.By.TID != tasks[p].TID {
				t.Errorf("%v hangs on %v by %v", n.Task.Thread, tasks[p].Thread, n.By)
			}
			if stuck[at] && !slices.Contains(strong(tasks, at), p) {
				t.Errorf("%v is stuck and hangs on %v, which only perhaps could free it", n.Task.Thread,
					tasks[p].Thread)
			}
			if stuck[at] && !stuck[p] || held[at] && !held[p] {
				t.Errorf("%v is %s and hangs on %v, which is free", n.Task.Thread, n.Status, tasks[p].Thread)
			}
			continue
		}
		if n.Status == StatusHangs || n.Status == StatusStopped && n.Task.Activity == Waiting {
			t.Errorf("%v is a root and %q", n.Task.Thread, n.Status)
		}
		if n.Status == StatusWaits {
			if _, unseen := enders(tasks, at); !unseen && n.Task.Wait.Open == "" {
				t.Errorf("%v waits for somebody free and is a root", n.Task.Thread)
			}
		}
	}
	for i := range s.Nodes {
		if s.Nodes[i].Task.Activity != Waiting && children[i] == 0 {
			t.Errorf("%v neither waits nor is waited for", s.Nodes[i].Task.Thread)
		}
	}
}

func checkKnots(t *testing.T, s *Solution, tasks []Task, index map[Thread]int, reach [][]bool) {
	t.Helper()
	for k := range s.Knots {
		roots := 0
		for _, m := range s.Knots[k].Members {
			if s.Nodes[m].Parent < 0 {
				roots++
			} else if s.Nodes[s.Nodes[m].Parent].Knot != k {
				t.Errorf("%v hangs on somebody outside its knot", s.Nodes[m].Task.Thread)
			}
			a, b := index[s.Nodes[m].Task.Thread], index[s.Nodes[s.Knots[k].Members[0]].Task.Thread]
			if !reach[a][b] || !reach[b][a] {
				t.Errorf("%v is not in the knot of %v", tasks[a].Thread, tasks[b].Thread)
			}
		}
		if roots != 1 {
			t.Errorf("a knot has %d roots", roots)
		}
		c := s.Knots[k].Cycle
		for i := range c {
			a, b := index[s.Nodes[c[i].Node].Task.Thread], index[s.Nodes[c[(i+1)%len(c)].Node].Task.Thread]
			if !slices.Contains(strong(tasks, a), b) || c[i].Ender.Proc != tasks[b].Proc {
				t.Errorf("%v is not waited for by %v on the cycle", tasks[b].Thread, tasks[a].Thread)
			}
			if i > 0 && s.Nodes[c[i].Node].Parent != c[(i+1)%len(c)].Node {
				t.Errorf("%v does not stand behind the next of its cycle", tasks[a].Thread)
			}
		}
		if want := shortestLength(tasks, index, s, k); len(c) != want {
			t.Errorf("a cycle of %d is told, the shortest is %d", len(c), want)
		}
	}
}

// shortestLength returns the length of a knot's shortest cycle, by powers of the relation "waits for".
func shortestLength(tasks []Task, index map[Thread]int, s *Solution, k int) int {
	best := len(tasks) + 1
	for _, m := range s.Knots[k].Members {
		start := index[s.Nodes[m].Task.Thread]
		at := map[int]bool{start: true}
		for n := 1; n < best; n++ {
			then := map[int]bool{}
			for i := range at {
				for _, j := range strong(tasks, i) {
					then[j] = true
				}
			}
			if then[start] {
				best = n
			}
			at = then
		}
	}
	return best
}

// Random graphs: the status, proof and forest must agree with the definitions.
func TestSolveMatchesTheDefinition(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		b := make([]byte, r.IntN(60))
		for i := range b {
			b[i] = byte(r.IntN(256))
			if i > 8 && r.IntN(4) > 0 {
				b[i] = byte(41 + r.IntN(180)) // waits, for processes
			}
		}
		if checkSolution(t, decode(b)); t.Failed() {
			t.Fatalf("graph %q", b)
		}
	}
}

func FuzzSolve(f *testing.F) {
	f.Add([]byte("\x02\x00\x00\x00\x00ZZ\x01\x01ZZ\x01\x00"))
	f.Add([]byte("\x03\x01\x01\x02\x01\x00\x00dd\x02\x01\x02ee\x01\xff\x01ff\x02\x00\x01"))
	f.Fuzz(func(t *testing.T, b []byte) { checkSolution(t, decode(b)) })
}
