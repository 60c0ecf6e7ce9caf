package relate

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ipctop/ipctop/collect/schema"
)

// The best cause of a wait is the same, whether all causes of the list are compared or only their order is read.
func TestParentsOfManyWaiters(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	ordered := 0
	for range 300 {
		tasks := crowd(random)
		g := newGraph(tasks)
		r := newRanks(g)
		r.rankFree(g.seenTwice)
		r.rankBlocked()
		r.rankStuck()
		for i := range g.tasks {
			task := int32(i)
			l := g.listOf[i]
			if _, cycle := r.onCycle[task]; cycle || l < 0 || r.isRoot(task) {
				continue
			}
			if len(g.lists[l].waiters) > fewWaiters {
				ordered++
			}
			var all []cause
			r.eachCause(l, func(c cause) {
				if r.mayCause(c, task) {
					all = append(all, c)
				}
			})
			want := noCause
			if len(all) > 0 {
				want = slices.MinFunc(all, func(a, b cause) int { return r.compareCauses(task, a, b) })
			}
			if got := r.parent(task); got != want {
				t.Fatalf("task %d has parent %+v, want %+v", i, got, want)
			}
		}
	}
	if ordered == 0 {
		t.Error("no list had many waiters")
	}
}

// crowd makes up to 60 threads of 30 processes that wait with one of three lists of Enders.
func crowd(random *rand.Rand) []Task {
	thread := func() Thread {
		pid := 1 + random.IntN(30)
		return Thread{proc(pid), pid + 100*random.IntN(2)}
	}
	lists := make([][]Ender, 3)
	for i := range lists {
		for range 1 + random.IntN(40) {
			e := Ender{Proc: thread().Proc, Proof: schema.Observed, Weak: random.IntN(8) == 0,
				Bystander: random.IntN(20) == 0}
			if random.IntN(3) == 0 {
				th := thread()
				e.Proc, e.TID = th.Proc, th.TID
			}
			if random.IntN(4) == 0 {
				e.Proof = schema.Inferred
			}
			lists[i] = append(lists[i], e)
		}
	}
	stopped, open := random.IntN(3) == 0, random.IntN(3) == 0
	seen := map[Thread]bool{}
	var tasks []Task
	for range 80 {
		task := Task{Thread: thread(), Activity: Waiting}
		if seen[task.Thread] {
			continue
		}
		seen[task.Thread] = true
		task.Wait.Enders = lists[random.IntN(len(lists))]
		switch {
		case random.IntN(20) == 0 && open:
			task.Activity = Running
		case random.IntN(10) == 0 && stopped:
			task.Activity = Stopped
		case random.IntN(15) == 0 && open:
			task.Wait.Open = "somebody"
		}
		tasks = append(tasks, task)
	}
	return tasks
}
