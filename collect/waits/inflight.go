package waits

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
)

// verdicts are what a tick found out.
type verdicts struct {
	solved *relate.Solution
	// without leaves out who may receive descriptors in messages; it is solved if nobody may.
	without   *relate.Solution
	receivers string // "12/server"; "": nobody
}

// lastVerdicts are those of the last tick that looked for waits. After collect these are the ones of this tick.
func lastVerdicts(t *proc.Tick) *verdicts {
	return proc.Keep(t.Kept, func() verdicts { return verdicts{} })
}

func (v *verdicts) pending() bool { return v.solved.Pending() || v.without.Pending() }

func (v *verdicts) findings() []schema.Finding {
	return append(v.solved.Findings(), v.without.Doubted(v.solved, v.receivers)...)
}

// confirmed is what this tick and the one before agree on. It opens the waits that only a descriptor in a message could
// end, and notes the deadlocks that this may hide.
func (g *graph) confirmed(without *relate.Solution, tasks []relate.Task) *relate.Solution {
	before := lastVerdicts(g.tick)
	now := verdicts{receivers: g.openInFlight(without, tasks)}
	if now.receivers == "" {
		now.solved = without.Confirmed(before.without)
		now.without = now.solved
	} else {
		now.solved = relate.Solve(tasks).Confirmed(before.solved)
		now.without = without.Confirmed(before.without)
	}
	if len(now.without.Doubted(now.solved, now.receivers)) > 0 {
		g.tick.AddFault(schema.Fault{Source: string(schema.Wait), Says: "a deadlock is likely, but nobody can see " +
			"which descriptors are in messages to " + now.receivers + ": whoever receives them may end its waits"})
	}
	*before = now // the next look has to agree with this one
	return now.solved
}

// openInFlight opens the waits that look stuck, but that a process could end with a descriptor in a message on a UNIX
// socket (SCM_RIGHTS, unix(7)). Whoever has the socket may receive the message, or close the socket and so the
// descriptor. A process that is stuck does neither. openInFlight names the processes that are not stuck; "": it opened
// no wait.
func (g *graph) openInFlight(solved *relate.Solution, tasks []relate.Task) (receivers string) {
	var doubted []int
	for i := range tasks {
		if t := &tasks[i]; t.Activity == relate.Waiting && looksBad(solved, t) && g.endsByDescriptor(t) {
			doubted = append(doubted, i)
		}
	}
	if len(doubted) == 0 || !g.tick.Host.Live() {
		return ""
	}
	processes := g.receivers()
	if len(processes) == 0 {
		return ""
	}
	more := processEnders(processes, "may receive it in a message", schema.Inferred)
	for i := range more {
		more[i].Weak = true
	}
	tried := slices.Clone(tasks)
	for _, i := range doubted {
		w := &tried[i].Wait
		w.Enders = g.with(w.Enders, &wakers{enders: more})
	}
	after := relate.Solve(tried)
	free := map[*proc.Process]bool{}
	for i := range tried {
		if n := after.Node(tried[i].Thread); n < 0 || gravity(after, &tried[i]) < graveStuck {
			free[g.tick.Process(int(tried[i].Proc.ID))] = true
		}
	}
	var names []string
	for _, p := range processes {
		if free[p] {
			names = append(names, fmt.Sprintf("%d/%s", p.PID, p.Comm))
		}
	}
	if more := len(names) - mostReceivers; more > 0 {
		names = append(names[:mostReceivers], fmt.Sprintf("%d more", more))
	}
	receivers = strings.Join(names, ", ")
	opened := false
	for _, i := range doubted {
		if t := &tasks[i]; gravity(after, t) < gravity(solved, t) {
			t.Wait.Open, opened = "whoever receives the descriptors in messages to "+receivers, true
		}
	}
	if !opened {
		return ""
	}
	return receivers
}

// mostReceivers is the largest number of receivers that a sentence names.
const mostReceivers = 3

// receivers are the processes that may receive a descriptor in a message, each once.
func (g *graph) receivers() (all []*proc.Process) {
	seen := map[*proc.Process]bool{}
	for _, c := range g.tick.HiddenFiles().Carriers {
		uses := []proc.FDUse{c}
		if c.FD.Kind == proc.FDSocket {
			uses = append(uses, g.tick.FDUses(proc.FDSocket, 0, c.FD.Ino)...)
		}
		for _, u := range uses {
			if !seen[u.Process] && !u.Process.Gone() {
				seen[u.Process] = true
				all = append(all, u.Process)
			}
		}
	}
	return all
}

const (
	graveStopped = 1
	graveStuck   = 2
)

// gravity orders the statuses of a thread: a stopped process may go on, a stuck thread does not.
func gravity(s *relate.Solution, t *relate.Task) int {
	n := s.Node(t.Thread)
	switch {
	case n < 0 || !s.Nodes[n].Status.Bad():
		return 0
	case s.Nodes[n].Status == relate.StatusStopped:
		return graveStopped
	}
	return graveStuck
}
