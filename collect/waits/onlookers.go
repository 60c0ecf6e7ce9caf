package waits

import (
	"slices"

	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
)

// waitsForThis is the state of a thread that goes on when this program ends, at the latest.
const waitsForThis = "waits for this ipctop"

// dropOnlookers makes the threads of onlookers (proc.Tick.Onlookers) that wait only for this program, or for other such
// processes, running tasks. Their waits end with the look. So they are no row of it, and no root cause: the shell that
// started this program, the shell's parent, the programs behind it in a pipeline.
func (g *graph) dropOnlookers(tasks []relate.Task) {
	self := g.tick.Process(g.tick.Self)
	if self == nil {
		return
	}
	onlookers := map[schema.Ref][]*relate.Task{}
	for _, p := range g.tick.Onlookers() {
		onlookers[p.Ref()] = nil
	}
	for i := range tasks {
		if t := &tasks[i]; t.Proc != self.Ref() {
			if list, ok := onlookers[t.Proc]; ok {
				onlookers[t.Proc] = append(list, t)
			}
		}
	}
	ours := map[schema.Ref]bool{self.Ref(): true} // they only wait for this program
	other := func(n relate.Ender) bool { return !ours[n.Proc] }
	for changed := true; changed; {
		changed = false
		for p, list := range onlookers {
			all := len(list) > 0
			for _, t := range list {
				if t.Activity == relate.Waiting && len(t.Wait.Enders) > 0 &&
					!slices.ContainsFunc(t.Wait.Enders, other) {
					t.Activity, t.Doing, t.Wait = relate.Running, waitsForThis, relate.Wait{}
				}
				all = all && t.Doing == waitsForThis
			}
			if all && !ours[p] {
				ours[p], changed = true, true
			}
		}
	}
}
