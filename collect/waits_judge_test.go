package collect

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/collect/waits"
)

// Looks at random scenes are compared with the truth about them.

// threadStatuses are the statuses of the threads in a snapshot.
func (s *stage) threadStatuses() map[int]relate.Status {
	snap := s.collector.Take(Request{Want: map[schema.Kind]schema.Need{schema.Wait: 0}})
	all := map[int]relate.Status{}
	for _, o := range snap.Objects[schema.Wait] {
		r := o.Row.(*waits.Row)
		all[r.Task.TID] = r.Status
	}
	return all
}

// Some tallies are marked, because a look can find less there.
const (
	// The arguments of the worker's threads are on the heap. So a look cannot tell what they wait for, unless the
	// kernel's lists leave one thing.
	withThreads = "with threads: "
	// The wait hangs on a queue or on the opening of a FIFO. Anybody could come there.
	withAnybody = "anybody may come: "
)

// tally counts the stuck roles, and how many of them a look found.
type tally struct{ stuck, found int }

// Nobody who is free may be called stuck, and nearly all who are stuck must be found.
func TestWaitsOfRandomScenes(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		all, r := map[string]tally{}, kerneltest.Random(t)
		for range kerneltest.Rounds(5, 100) {
			judgeRandom(t, r.Uint64(), all)
		}
		sum := tally{}
		for _, sort := range slices.Sorted(maps.Keys(all)) {
			n := all[sort]
			t.Logf("%s: %d stuck, %d found", sort, n.stuck, n.found)
			if !strings.HasPrefix(sort, withThreads) && !strings.HasPrefix(sort, withAnybody) {
				sum.stuck, sum.found = sum.stuck+n.stuck, sum.found+n.found
			}
		}
		t.Logf("%d stuck, %d found", sum.stuck, sum.found)
		if least := kerneltest.Rounds(80, 95); sum.found*100 < sum.stuck*least { // a few scenes say less
			t.Errorf("%d of %d found", sum.found, sum.stuck)
		}
	})
}

// judgeRandom plays the scenes of a seed, and compares looks with the truth. It adds to the tallies by what the roles
// wait for.
func judgeRandom(t *testing.T, seed uint64, all map[string]tally) {
	s := perform(t, fmt.Sprint("random ", seed))
	defer func() {
		s.worker.Kill()
		removeSceneObjects(t, s.worker.PID)
	}()
	scenes := randomScenes(seed, together)
	var last map[int]relate.Status
	for same := 0; same < 3; {
		now := s.threadStatuses()
		for _, c := range scenes {
			s.compareWithTruth(seed, c, now)
		}
		if same++; countBad(now) != countBad(last) {
			same = 0
		}
		last = now
	}
	for _, c := range scenes {
		s.count(seed, c, last, all)
	}
}

func countBad(statuses map[int]relate.Status) (n int) {
	for _, status := range statuses {
		if status.Bad() {
			n++
		}
	}
	return n
}

// compareWithTruth refuses a bad status of a free role. A role that only stopped ones keep waiting must not be called
// stuck.
func (s *stage) compareWithTruth(seed uint64, c *knot, statuses map[int]relate.Status) {
	s.Helper()
	free, continued := c.free(), c.freeIf(true, false)
	for i, a := range c.roles {
		status, known := statuses[s.pids[a.name]]
		switch {
		case !known || !status.Bad():
		case free[i]:
			s.Fatalf("scenes %d: %s is free, and called %s: %+v", seed, a.name, status, *c)
		case continued[i] && status != relate.StatusStopped:
			s.Fatalf("scenes %d: %s hangs on a stopped process, and is called %s: %+v", seed, a.name, status, *c)
		}
	}
}

// count adds the stuck roles of a scene to the tallies.
func (s *stage) count(seed uint64, c *knot, statuses map[int]relate.Status, all map[string]tally) {
	threads := c.hasThreads()
	free, visited := c.free(), c.freeIf(false, true)
	for i, a := range c.roles {
		if free[i] || a.stops || s.pids[a.name] == 0 {
			continue
		}
		sort := c.things[a.waits].sort
		if slices.Contains(c.things[a.waits].owners, i) {
			sort = "own " + sort
		}
		switch sort = a.sort + " " + sort; {
		case visited[i]:
			sort = withAnybody + sort
		case threads:
			sort = withThreads + sort
		}
		n := all[sort]
		if n.stuck++; statuses[s.pids[a.name]].Bad() {
			n.found++
		} else if testing.Verbose() {
			s.Logf("scenes %d: %s is missed: %s: %+v", seed, a.name, sort, *c)
		}
		all[sort] = n
	}
}
