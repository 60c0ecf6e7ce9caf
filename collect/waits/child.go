package waits

import (
	"fmt"

	"github.com/ipctop/ipctop/collect/kernel/fdinfo"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
)

// Waits for the end of a child. The parent knows the child by its number in the parent's pid namespace.

// child finds the enders of a wait for the end of a child, or of a process by its pidfd.
func (g *graph) child(p *proc.Process, tid, pid int, which process.ChildWait) (e wakers, via string, ok bool) {
	via = "a child"
	for _, c := range g.children[p.PID] {
		var wanted bool
		switch which {
		case process.AnyChild:
			wanted = true
		case process.OneChild:
			if wanted = g.numberOf(c, p) == pid; wanted {
				via = fmt.Sprintf("child %d", c.PID)
			}
		case process.ChildGroup:
			// in a nested pid namespace the group has another number
			wanted = c.PGID == pid || pid == 0 && c.PGID == p.PGID || pid != 0 && g.depth(p) > 1
			via = "a child of a process group"
		default: // a pidfd
			return g.descriptor(p, tid, process.AwaitedFD{FD: pid, For: fdinfo.CanRead}, 0), "a pidfd", true
		}
		if wanted && !c.Gone() {
			e.on = append(e.on, c.Ref())
			e.enders = append(e.enders, relate.Ender{Proc: c.Ref(), How: "is its child", Proof: schema.Observed})
		}
	}
	switch len(e.enders) {
	case 0:
		e.open = "children that were not seen"
	case 1:
	default:
		via += fmt.Sprintf(", any of %d", len(e.enders))
		e.any = true
	}
	return e, via, true
}

// vforked finds the child that runs in the memory of a thread which sleeps in vfork. The thread goes on when the child
// executes a program or ends (wait_for_vfork_done in kernel/fork.c). Only a signal that kills ends the sleep earlier.
func (g *graph) vforked(p *proc.Process, th *proc.Thread) (e wakers) {
	if !g.tick.Host.Live() {
		return e
	}
	for _, c := range g.children[p.PID] {
		if c.Gone() {
			continue
		}
		if order, err := process.CompareShared(process.SharedMemory, p.Living(), c.Living()); err == nil && order == 0 {
			e.on = append(e.on, c.Ref())
			e.enders = append(e.enders, relate.Ender{Proc: c.Ref(), How: "is its child, which runs in its memory",
				Proof: schema.Observed})
		}
	}
	if len(e.enders) > 0 {
		g.vforks[relate.Thread{Proc: p.Ref(), TID: th.TID}] = true
	}
	e.any = len(e.enders) > 1
	return e
}

// pids are the numbers of a process in its pid namespaces, from the namespace of /proc down to its own.
func (g *graph) pids(p *proc.Process) []int {
	pids, ok := g.numbersOf[p]
	if !ok {
		if text, err := g.tick.Host.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID)); err == nil {
			pids, _ = process.ParseNSPids(text)
		}
		if len(pids) == 0 {
			pids = []int{p.PID}
		}
		g.numbersOf[p] = pids
	}
	return pids
}

// depth is the number of pid namespaces that a process is in. The namespace of /proc counts as the first.
func (g *graph) depth(p *proc.Process) int { return len(g.pids(p)) }

// numberOf is the number of process c in the pid namespace of process as. It is 0 if c has no number there.
func (g *graph) numberOf(c, as *proc.Process) int {
	depth := g.depth(as)
	if depth == 1 {
		return c.PID
	}
	if pids := g.pids(c); len(pids) >= depth {
		return pids[depth-1]
	}
	return 0
}
