package relate

import (
	"strings"
	"time"
)

// Says tells a node in a sentence: who waits for what, and who could end that; of a root cause what it does.
func (s *Solution) Says(i int) string {
	n := &s.Nodes[i]
	t := n.Task
	if t.Activity != Waiting {
		doing := t.Doing
		if doing == "" && t.Activity == Stopped {
			doing = "is stopped"
		}
		return strings.TrimSpace(name(t) + " " + doing)
	}
	ender, by := s.explains(i)
	says := name(t) + " waits for " + what(t, by)
	switch {
	case by != nil:
		says += ", " + which(nameable(ender, by), by.How)
	case n.Status == StatusStuck:
		says += ": nobody is left who could end it"
	}
	if t.Wait.Open != "" {
		says += "; open to " + t.Wait.Open
	}
	if t.Wait.Timed {
		says += "; it ends by itself"
		if t.Wait.Timeout > 0 {
			says += " after " + t.Wait.Timeout.Round(time.Millisecond).String()
		}
	}
	return says
}

// explains is who keeps the node waiting: its parent, or for the first of a deadlock the next on the circle.
func (s *Solution) explains(i int) (*Task, *Ender) {
	n := &s.Nodes[i]
	if n.Parent >= 0 {
		return s.Nodes[n.Parent].Task, n.By
	}
	if n.Knot < 0 {
		return nil, nil
	}
	cycle := s.Knots[n.Knot].Cycle
	for c, step := range cycle {
		if step.Node == i {
			return s.Nodes[cycle[(c+1)%len(cycle)].Node].Task, step.Ender
		}
	}
	return nil, nil
}

// nameable is the process where any of its threads could end the wait, not the thread that stands for it.
func nameable(t *Task, by *Ender) *Task {
	if by.TID != 0 {
		return t
	}
	process := *t
	process.TID = 0
	return &process
}
