package relate

import "slices"

// A thread that sleeps in state D cannot be ended by signals as usual. So no advice says to end its process.

// deafAdvice is the advice for a deadlock or a stuck wait with threads that no signal wakes.
const deafAdvice = "signals do not end sleeps in state D: find in /proc/PID/task/TID/stack, as root, where in the " +
	"kernel the threads sleep, and let go what they wait for (thaw the file system, restart or unmount its server); " +
	"else only a new start of the machine ends this"

// deaf reports that a thread sleeps so that signals do not end the sleep as usual.
func (t *Task) deaf() bool { return t.Activity == Waiting && t.Wait.Signals != "" }

// anyDeaf reports that one of the nodes is deaf.
func (s *Solution) anyDeaf(nodes []int) bool {
	return slices.ContainsFunc(nodes, func(i int) bool { return s.Nodes[i].Task.deaf() })
}

// deafHolder reports that an Ender's process has a deaf thread. Such a process does not end before its sleep.
func (s *Solution) deafHolder(w *Wait) bool {
	return slices.ContainsFunc(w.Enders, func(e Ender) bool {
		p, ok := s.g.proc[e.Proc]
		if !ok || e.Weak {
			return false
		}
		q := &s.g.procs[p]
		return slices.ContainsFunc(s.g.tasks[q.first:q.after], func(t Task) bool { return t.deaf() })
	})
}
