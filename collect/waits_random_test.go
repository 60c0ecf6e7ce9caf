package collect

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Random scenes are built on the kernel. The truth about them is known, because they are made from it.

// thing is what a role waits for. Any of its owners could give it.
type thing struct {
	sort   string // "flock", "ofd", "posix", "mutex", "pipe", "event", "child", or one of objectSorts
	owners []int
}

// role is a process with one thread, or a thread of the worker.
type role struct {
	name   string
	sort   string // "process", "thread", "parent", "child", "grandchild"
	waits  int    // a thing; -1: it sleeps, and is free
	seems  int    // the thing that the arguments name after they were changed
	parent int    // of a child or grandchild
	stops  bool   // it is stopped by SIGSTOP after it took its things
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
		s.roles = append(s.roles, role{fmt.Sprintf("%s%d.%d", sort, n, len(s.roles)), sort, -1, -1, parent, false})
		return len(s.roles) - 1
	}
	for range 2 + r.IntN(4) {
		add("process", -1)
	}
	processes := len(s.roles)
	owners := func(sort string) (list []int) {
		for i := range s.roles {
			if a := s.roles[i].sort; a == "process" || sort == "mutex" && (a == "thread" || a == "parent") {
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
		if child := parent + 1; r.IntN(3) == 0 { // a pipe that the parent made, for itself and for those below it
			s.roles[child].waits, s.roles[child].seems = 1, 1
			s.things = append(s.things, thing{"pipe", append([]int{parent}, children.owners...)})
		}
	}
	sorts, more := []string{"flock", "ofd", "mutex", "mutex", "pipe"}, 4
	if len(s.roles) > processes && s.roles[processes].sort == "thread" {
		sorts, more = []string{"mutex", "posix", "pipe", "event", "flock", "undo", "undo"}, 2
	}
	for range more {
		sorts = append(sorts, objectSorts[r.IntN(len(objectSorts))])
	}
	for range 3 + r.IntN(4) {
		sort := sorts[r.IntN(len(sorts))]
		list := owners(sort)
		t := thing{sort, []int{list[r.IntN(len(list))]}}
		if other := list[r.IntN(len(list))]; several(sort) && r.IntN(3) == 0 && other != t.owners[0] {
			t.owners = append(t.owners, other)
		}
		if sort == "abandoned" {
			t.owners = nil
		}
		s.things = append(s.things, t)
	}
	for i := range s.roles {
		if s.roles[i].waits < 0 {
			s.choose(r, i)
		}
		s.roles[i].stops = s.roles[i].sort == "process" && r.IntN(16) == 0
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
		case "process": // a POSIX lock must not close a circle of such locks (EDEADLK)
			fits = t.sort != "posix" && t.sort != "event" && t.sort != "child"
		case "child":
			fits = t.sort == "flock" || t.sort == "ofd" || t.sort == "mutex"
		case "thread":
			fits = slices.Contains([]string{"posix", "pipe", "event", "flock", "undo"}, t.sort)
		}
		if fits && (!slices.Contains(t.owners, i) || twoEnds(t.sort) && a.sort == "process") {
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
			if sort == s.things[a.waits].sort && sort != "event" ||
				sort == "pipe" && s.things[a.waits].sort == "event" {
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

func (s *knot) hasThreads() bool {
	return slices.ContainsFunc(s.roles, func(a role) bool { return a.sort == "thread" })
}

// free is the truth: a role is free if it sleeps, or if a free role could give it what it waits for. A stopped role is
// not free. The worker has free threads, and it has the events that its threads read, unless the number leads to a pipe
// now.
func (s *knot) free() []bool { return s.freeIf(false, false) }

// freeIf is what would be free if somebody made the stopped roles go on, or if anybody came to the objects that have a
// name or a number.
func (s *knot) freeIf(continued, visited bool) []bool {
	free := make([]bool, len(s.roles))
	for changed := true; changed; {
		changed = false
		for i, a := range s.roles {
			if free[i] || a.stops && !continued {
				continue
			}
			event := a.waits >= 0 && s.things[a.waits].sort == "event" && a.seems == a.waits
			if a.waits < 0 || event || visited && forAnybody(s.things[a.waits].sort) ||
				slices.ContainsFunc(s.things[a.waits].owners, func(o int) bool { return free[o] }) {
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
			b.stop()
			var words []string
			for _, f := range b.tells {
				words = append(words, f())
			}
			return strings.Join(words, " ")
		}
	}
}
