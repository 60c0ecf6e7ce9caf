package waits

import (
	"fmt"
	"slices"

	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/proc"
)

// sharers are the other processes that share the memory or the descriptors of a process (CLONE_VM and CLONE_FILES
// without CLONE_THREAD).
func (g *graph) sharers(part process.Shared, p *proc.Process) []*proc.Process {
	all, ok := g.shared[part]
	if !ok {
		all = g.listShared(part)
		g.shared[part] = all
	}
	return slices.DeleteFunc(slices.Clone(all[p]), func(q *proc.Process) bool { return q == p })
}

// listShared groups the processes that share a part. It sorts them by the order of kcmp(2): 1,000 processes take 5
// milliseconds. Processes that the caller may not compare are left out.
func (g *graph) listShared(part process.Shared) map[*proc.Process][]*proc.Process {
	groups := map[*proc.Process][]*proc.Process{}
	if !g.tick.Host.Live() {
		return groups
	}
	var list []*proc.Process
	for _, p := range g.tick.Processes() {
		if _, err := process.CompareShared(part, p.Living(), p.Living()); err == nil && !p.KernelThread() && !p.Gone() {
			list = append(list, p)
		}
	}
	compare := func(a, b *proc.Process) int {
		order, err := process.CompareShared(part, a.Living(), b.Living())
		if err != nil { // one has just ended
			return a.PID - b.PID
		}
		return order
	}
	slices.SortFunc(list, compare)
	for first := 0; first < len(list); {
		after := first + 1
		for after < len(list) && compare(list[first], list[after]) == 0 {
			after++
		}
		if after-first > 1 {
			for _, p := range list[first:after] {
				groups[p] = list[first:after]
			}
		}
		first = after
	}
	return groups
}

// changer says who could have changed the arguments of a call while the thread sleeps in it; "": nobody.
func (g *graph) changer(p *proc.Process, th *proc.Thread) string {
	memory, byNumber := th.Call.Memory(), takesDescriptors(th)
	if len(memory) == 0 && !byNumber {
		return ""
	}
	if len(p.Tasks) > 1 {
		return fmt.Sprintf("another thread of %d/%s", p.PID, p.Comm)
	}
	for _, addr := range memory {
		for _, m := range p.Shared {
			if m.Start <= addr && addr < m.End {
				return "a process that maps the memory of the arguments"
			}
		}
	}
	if g.hadThreads(p) {
		return fmt.Sprintf("an ended thread of %d/%s", p.PID, p.Comm)
	}
	if len(memory) > 0 {
		for _, q := range g.sharers(process.SharedMemory, p) {
			if !sleepsInVfork(q, p) {
				return fmt.Sprintf("%d/%s, which shares the memory,", q.PID, q.Comm)
			}
		}
	}
	if byNumber {
		for _, q := range g.sharers(process.SharedFiles, p) {
			return fmt.Sprintf("%d/%s, which shares the descriptors,", q.PID, q.Comm)
		}
		if g.ringUsers()[p] {
			return fmt.Sprintf("an io_uring of %d/%s", p.PID, p.Comm)
		}
	}
	return ""
}

// sleepsInVfork reports true if a parent with one thread waits for its child to end or to call execve.
func sleepsInVfork(parent, child *proc.Process) bool {
	if parent.PID != child.PPID || len(parent.Tasks) != 1 {
		return false
	}
	th := &parent.Tasks[0]
	return th.In == process.InCall && th.Call.StartsProcess()
}

// takesDescriptors reports true if the call waits for what its descriptors lead to.
func takesDescriptors(th *proc.Thread) bool {
	_, transfers := th.Call.Transfers()
	_, epoll := th.Call.EpollFD()
	_, which, child := th.Call.WaitsForChild()
	return transfers || epoll || len(th.Polled) > 0 || child && which == process.ChildPidfd ||
		th.Listed && th.Kind == ""
}

// hadThreads reports true if a process with one thread had more before.
func (g *graph) hadThreads(p *proc.Process) bool {
	had, ok := g.threaded[p]
	if ok || !g.tick.Host.Live() {
		return had
	}
	if dir, err := g.tick.Host.OpenProc(p.PID); err == nil {
		had = dir.HadThreads()
		dir.Close()
	}
	g.threaded[p] = had
	return had
}
