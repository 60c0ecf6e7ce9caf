package collect

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/collect/waits"
)

// Random scenes are built on the kernel. The truth about them is known, because they are made from it.

// thing is what a role waits for. Any of its owners could give it.
type thing struct {
	sort   string // "flock", "ofd", "posix", "mutex", "pipe", "event", "child"
	owners []int
}

// role is a process with one thread, or a thread of the worker.
type role struct {
	name   string
	sort   string // "process", "thread", "parent", "child", "grandchild"
	waits  int    // a thing; -1: it sleeps, and is free
	seems  int    // the thing that the arguments name after they were changed
	parent int    // of a child or grandchild
}

// knot is a set of roles and the things between them.
type knot struct {
	roles  []role
	things []thing
}

// randomScene makes a scene. n makes its names differ from those of other scenes.
func randomScene(r *rand.Rand, n int) *knot {
	s := &knot{}
	add := func(sort string, parent int) int {
		s.roles = append(s.roles, role{fmt.Sprintf("%s%d.%d", sort, n, len(s.roles)), sort, -1, -1, parent})
		return len(s.roles) - 1
	}
	for range 2 + r.IntN(4) {
		add("process", -1)
	}
	processes := len(s.roles)
	owners := func(sort string) (list []int) {
		for i := range s.roles {
			if s.roles[i].sort == "process" || sort == "mutex" && (s.roles[i].sort == "thread" || s.roles[i].sort == "parent") {
				list = append(list, i)
			}
		}
		return list
	}
	switch r.IntN(3) {
	case 0:
		for range 1 + r.IntN(2) {
			add("thread", -1)
		}
	case 1:
		parent := add("parent", -1)
		children := thing{"child", []int{add("child", parent)}}
		if r.IntN(2) == 0 {
			children.owners = append(children.owners, add("grandchild", parent))
		}
		s.things = append(s.things, children)
		s.roles[parent].waits = 0
	}
	sorts := []string{"flock", "ofd", "mutex", "mutex", "pipe"}
	if len(s.roles) > processes && s.roles[processes].sort == "thread" {
		sorts = []string{"mutex", "posix", "pipe", "event"}
	}
	for range 3 + r.IntN(4) {
		sort := sorts[r.IntN(len(sorts))]
		list := owners(sort)
		t := thing{sort, []int{list[r.IntN(len(list))]}}
		if other := list[r.IntN(len(list))]; sort == "pipe" && r.IntN(3) == 0 && other != t.owners[0] {
			t.owners = append(t.owners, other)
		}
		s.things = append(s.things, t)
	}
	for i := range s.roles {
		s.choose(r, i)
	}
	return s
}

// choose gives a role a thing to wait for, if one fits.
func (s *knot) choose(r *rand.Rand, i int) {
	a := &s.roles[i]
	var fit []int
	for n, t := range s.things {
		var fits bool
		switch a.sort {
		case "process", "child": // a POSIX lock must not close a circle of such locks (EDEADLK)
			fits = t.sort == "flock" || t.sort == "ofd" || t.sort == "mutex" || t.sort == "pipe" && a.sort == "process"
		case "thread":
			fits = t.sort == "posix" || t.sort == "pipe" || t.sort == "event"
		}
		if fits && !slices.Contains(t.owners, i) {
			fit = append(fit, n)
		}
	}
	if len(fit) > 0 && r.IntN(6) > 0 {
		a.waits = fit[r.IntN(len(fit))]
	}
	a.seems = a.waits
	switch {
	case a.sort == "thread" && a.waits >= 0:
		var alike []int
		for _, n := range fit {
			sort := s.things[n].sort
			if sort == s.things[a.waits].sort && sort != "event" || sort == "pipe" && s.things[a.waits].sort == "event" {
				alike = append(alike, n)
			}
		}
		if len(alike) > 0 && r.IntN(2) == 0 {
			a.seems = alike[r.IntN(len(alike))]
		}
	case a.sort == "grandchild" && r.IntN(2) == 0: // it does what its parent does
		a.waits = s.roles[i-1].waits
	}
}

// free is the truth: a role is free if it sleeps, or if a free role could give it what it waits for. The worker has
// free threads, and it has the events that its threads read, unless the number leads to a pipe now.
func (s *knot) free() []bool {
	free := make([]bool, len(s.roles))
	for changed := true; changed; {
		changed = false
		for i, a := range s.roles {
			event := a.waits >= 0 && s.things[a.waits].sort == "event" && a.seems == a.waits
			if !free[i] && (a.waits < 0 || event ||
				slices.ContainsFunc(s.things[a.waits].owners, func(o int) bool { return free[o] })) {
				free[i], changed = true, true
			}
		}
	}
	return free
}

// randomScenes makes the scenes of a seed.
func randomScenes(seed uint64, n int) []*knot {
	r := rand.New(rand.NewPCG(seed, 0))
	list := make([]*knot, n)
	for i := range list {
		list[i] = randomScene(r, i)
	}
	return list
}

// together is the number of scenes that a worker plays at once.
const together = 10

// playRandom plays the scenes of a seed.
func playRandom(seed uint64) func(*play) {
	return func(p *play) {
		b := &builder{play: p, mutexes: p.mutexes(64)}
		p.mostFDs = 1024
		for i, s := range randomScenes(seed, together) {
			b.build(s, i)
		}
		p.forked = func() {
			p.dropHandlers()
			for _, f := range b.begins {
				f()
			}
			p.j.Check(unix.Munmap(b.mutexes.memory))
		}
		p.settled = func() string {
			var words []string
			for _, f := range b.tells {
				words = append(words, f())
			}
			return strings.Join(words, " ")
		}
	}
}

// badThreads are the threads that a snapshot calls stuck in some way.
func (s *stage) badThreads() map[int]bool {
	snap := s.collector.Take(Request{Want: map[schema.Kind]schema.Need{schema.Wait: 0}})
	bad := map[int]bool{}
	for _, o := range snap.Objects[schema.Wait] {
		if r := o.Row.(*waits.Row); r.Status.Bad() {
			bad[r.Task.TID] = true
		}
	}
	return bad
}

// withThreads marks the tallies of scenes with threads of the worker. The arguments of these threads are on the heap,
// so a look cannot tell what they wait for, unless the kernel's lists leave one thing.
const withThreads = "with threads: "

// tally counts the stuck roles, and how many of them a look found.
type tally struct{ stuck, found int }

// Nobody who is free may be called stuck, and nearly all who are stuck must be found. IPCTOP_LONG=1 plays a thousand
// scenes, IPCTOP_SEED=N only those of one seed.
func TestWaitsOfRandomScenes(t *testing.T) {
	looks, first := 5, uint64(23) // these have scenes that a guess calls deadlocks
	if os.Getenv("IPCTOP_LONG") == "1" {
		looks = 100
	}
	if seed, err := strconv.ParseUint(os.Getenv("IPCTOP_SEED"), 10, 64); err == nil {
		looks, first = 1, seed
	}
	kerneltest.InNamespace(t, func() {
		all := map[string]tally{}
		for seed := first; seed < first+uint64(looks); seed++ {
			judgeRandom(t, seed, all)
		}
		sum := tally{}
		for _, sort := range slices.Sorted(maps.Keys(all)) {
			n := all[sort]
			t.Logf("%s: %d stuck, %d found", sort, n.stuck, n.found)
			if !strings.HasPrefix(sort, withThreads) {
				sum.stuck, sum.found = sum.stuck+n.stuck, sum.found+n.found
			}
		}
		if sum.found*100 < sum.stuck*95 {
			t.Errorf("%d of %d found", sum.found, sum.stuck)
		}
	})
}

// judgeRandom plays the scenes of a seed, and compares looks with the truth. It adds to the tallies by what the roles
// wait for.
func judgeRandom(t *testing.T, seed uint64, all map[string]tally) {
	s := perform(t, fmt.Sprint("random ", seed))
	defer s.worker.Kill()
	scenes := randomScenes(seed, together)
	var bad map[int]bool
	for same := 0; same < 3; {
		now := s.badThreads()
		for _, c := range scenes {
			for i, free := range c.free() {
				if a := c.roles[i]; free && now[s.pids[a.name]] && s.pids[a.name] != 0 {
					t.Fatalf("seed %d: %s is free, and called stuck: %+v", seed, a.name, *c)
				}
			}
		}
		if len(now) == len(bad) {
			same++
		} else {
			same = 0
		}
		bad = now
	}
	for _, c := range scenes {
		threads := ""
		if slices.ContainsFunc(c.roles, func(a role) bool { return a.sort == "thread" }) {
			threads = withThreads
		}
		for i, free := range c.free() {
			a := c.roles[i]
			if free || s.pids[a.name] == 0 {
				continue
			}
			sort := threads + a.sort + " " + c.things[a.waits].sort
			n := all[sort]
			if n.stuck++; bad[s.pids[a.name]] {
				n.found++
			} else if testing.Verbose() {
				t.Logf("seed %d: %s is missed: %+v", seed, a.name, *c)
			}
			all[sort] = n
		}
	}
}
