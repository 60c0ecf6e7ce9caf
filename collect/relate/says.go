package relate

import (
	"strings"
	"time"
)

// Says describes node i in one sentence. A waiting node: its wait, and an Ender. Another node: its activity.
func (s *Solution) Says(i int) string {
	n := &s.Nodes[i]
	t := n.Task
	if t.Activity != Waiting {
		doing := t.Doing
		if doing == "" && t.Activity == Stopped {
			doing = "is stopped"
		}
		return strings.TrimSpace(taskName(t) + " " + doing)
	}
	ender, by := s.explainer(i)
	says := taskName(t) + " waits for " + waitText(t, by)
	if t.Wait.Left != "" {
		says += ": " + t.Wait.Left
	}
	switch {
	case by != nil && by.Weak && t.Wait.Left != "": // the ender explains less than the one who is gone
	case by != nil:
		says += ", " + enderClause(asNamed(ender, by), by.How)
	case n.Status == StatusStuck && t.Wait.Left != "":
		says += ", and nobody is left who could end it"
	case n.Status == StatusStuck:
		says += ": nobody is left who could end it"
	}
	switch {
	case t.Wait.Open == "" || t.Wait.ByHandler && by != nil:
	case t.Wait.ByHandler:
		says += "; only " + t.Wait.Open + " could end it"
	default:
		says += "; open to " + t.Wait.Open
	}
	if t.Wait.Signals != "" {
		says += "; " + t.Wait.Signals
	}
	if t.Wait.EndedBy != "" {
		says += "; " + t.Wait.EndedBy
	}
	if t.Wait.Timed {
		says += "; it ends by itself"
		if t.Wait.Timeout > 0 {
			says += " after " + t.Wait.Timeout.Round(time.Millisecond).String()
		}
	}
	return says
}

// explainer returns the task that keeps node i waiting, and its Ender: the parent, or the next thread on a deadlock's
// cycle if the node is a root. It returns nil if there is none.
func (s *Solution) explainer(i int) (*Task, *Ender) {
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

// asNamed drops the TID from t if any thread of its process could end the wait.
func asNamed(t *Task, by *Ender) *Task {
	if by.TID != 0 {
		return t
	}
	process := *t
	process.TID = 0
	return &process
}
