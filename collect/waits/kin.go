package waits

import (
	"slices"

	"github.com/ipctop/ipctop/collect/proc"
)

// kin tells the relatives of a process: processes that probably know the same semaphores. They are its parent, its
// children, its process group, and processes of the same user that run the same program. Equal kin have the same
// relatives. So a thousand workers of one server share one list.
type kin struct {
	group  int       // the process group
	exe    string    // the program; "": it could not be read
	uid    [4]uint32 // the uids, if the program is known
	parent int       // a parent that is not told by the group or the program; else 0
	self   int       // the pid of a process that has a child of another group and program; else 0
}

func (g *graph) kinOf(p *proc.Process) kin {
	k := kin{group: p.PGID, exe: g.program(p)}
	if k.exe != "" {
		k.uid = p.Status.UID
	}
	if q := g.tick.Process(p.PPID); q != nil && !g.alike(&k, q) {
		k.parent = p.PPID
	}
	if slices.ContainsFunc(g.children[p.PID], func(q *proc.Process) bool { return !g.alike(&k, q) }) {
		k.self = p.PID
	}
	return k
}

// alike reports true if the group or the program makes q a relative.
func (g *graph) alike(k *kin, q *proc.Process) bool {
	return q.PGID == k.group || k.exe != "" && q.Status.UID == k.uid && g.program(q) == k.exe
}

// relatives are the relatives of p, and p. This program's processes, its ancestors and the readers of its output are
// left out.
func (g *graph) relatives(p *proc.Process) []*proc.Process {
	ours, self := g.tick.Onlookers(), g.tick.Process(g.tick.Self)
	k := g.kinOf(p)
	var near []*proc.Process
	for _, q := range g.tick.Processes() {
		known := q == p || q.PID == p.PPID || q.PPID == p.PID || g.alike(&k, q)
		if !known || slices.Contains(ours, q) || q.PID == 1 || q.Gone() || q.KernelThread() {
			continue
		}
		if q != p && self != nil && g.program(q) == g.program(self) {
			continue // the processes of this program's demo share only the program
		}
		near = append(near, q)
	}
	return near
}
