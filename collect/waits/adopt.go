package waits

import (
	"slices"

	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
)

// When a process ends, its children become children of a process further up. This is the nearest ancestor that has
// called prctl(PR_SET_CHILD_SUBREAPER), else process 1 of the pid namespace (find_new_reaper in kernel/exit.c).

// waitsForChildren reports true if the call waits for any of several children, also for children of a later time.
func waitsForChildren(th *proc.Thread) bool {
	_, which, ok := th.Call.WaitsForChild()
	return ok && (which == process.AnyChild || which == process.ChildGroup)
}

// adoptable are processes that may become children of p while p waits. A free process below a child of p can start a
// process and end. The new process may then become a child of p, and end too. No file of /proc shows the subreapers, so
// every process may be one. Process 1 of a pid namespace may get every process of its namespace.
//
// This program, its ancestors and its readers are left out: nobody has to wait for the end of a look.
func (g *graph) adoptable(p *proc.Process) (enders []relate.Ender) {
	list, ours := g.descendants(p), g.tick.Onlookers()
	if pids := g.pids(p); pids[len(pids)-1] == 1 {
		list = g.members(p)
	}
	for _, q := range list {
		if q != p && q.PPID != p.PID && !q.KernelThread() && !q.Gone() && !slices.Contains(ours, q) {
			enders = append(enders, relate.Ender{Proc: q.Ref(), How: "may become its child when a parent ends",
				Proof: schema.Observed, Weak: true})
		}
	}
	return enders
}

// descendants are the children of a process, their children, and so on.
func (g *graph) descendants(p *proc.Process) []*proc.Process {
	list := slices.Clone(g.children[p.PID])
	seen := map[*proc.Process]bool{p: true} // a look over a changing machine may show a circle
	for i := 0; i < len(list); i++ {        // the list grows
		if seen[list[i]] {
			continue
		}
		seen[list[i]] = true
		list = append(list, g.children[list[i].PID]...)
	}
	return list
}

// members are the processes in the pid namespace of p, and below it. They may have entered the namespace from outside
// (setns(2)). Then they are no descendants of p.
func (g *graph) members(p *proc.Process) []*proc.Process {
	list, depth, own := g.descendants(p), g.depth(p), g.pidSpace(p)
	seen := map[*proc.Process]bool{}
	for _, q := range list {
		seen[q] = true
	}
	for _, q := range g.tick.Processes() {
		if seen[q] || g.depth(q) < depth {
			continue
		}
		if space := g.pidSpace(q); depth == 1 || space == own || space == "" || own == "" {
			list = append(list, q)
		}
	}
	return list
}

// missesChildren says who may be a child that was not seen; "": nobody. A hidden child may have changed its user.
func (g *graph) missesChildren(p *proc.Process, t *relate.Task) string {
	th := g.tick.ThreadOf(p, t.TID)
	switch {
	case th == nil || !waitsForChildren(th):
		return ""
	case g.tick.Hides:
		return "children that /proc hides"
	case g.tick.Restless:
		return "children that came while this looked"
	}
	return ""
}
