package waits

import (
	"fmt"
	"slices"

	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/relate"
)

// awake looks again at the threads that look stuck, after all that they could wait for was read, and says whether one
// of them has run since its call was read.
//
// The walk takes a process whose CPU clock stands still for one that still does the same. A thread that was woken and
// has no CPU yet has not run either: on a busy machine it waits for milliseconds, and it is the one that ends the
// others' waits.
func (g *graph) awake(solved *relate.Solution, tasks []relate.Task) (changed bool) {
	if !g.tick.Host.Live() {
		return false
	}
	buf := make([]byte, 8<<10)
	for i := range tasks {
		t := &tasks[i]
		if n := solved.Node(t.Thread); t.Activity == relate.Waiting && n >= 0 && solved.Nodes[n].Status.Bad() &&
			!g.stillAsleep(t, buf) {
			t.Activity, t.Doing, t.Wait = relate.Running, "has just run", relate.Wait{}
			changed = true
		}
	}
	return changed
}

// stillAsleep says whether the thread sleeps now and has not woken up since its call was read. Its state comes first:
// who sleeps and had slept no more often by then has slept all the time.
func (g *graph) stillAsleep(t *relate.Task, buf []byte) bool {
	p := g.tick.Process(int(t.Proc.ID))
	i := slices.IndexFunc(p.Tasks, func(th proc.Thread) bool { return th.TID == t.TID })
	dir, err := g.tick.Host.OpenProc(p.Living())
	if err != nil || i < 0 {
		return false
	}
	defer dir.Close()
	text, err := dir.Read(fmt.Sprintf("task/%d/stat", t.TID), buf)
	if err != nil {
		return false
	}
	if st, err := process.ParseProcStat(text); err != nil || st.State != 'S' {
		return false
	}
	n, err := dir.Switches(t.TID, buf)
	return err == nil && n == p.Tasks[i].Sleeps
}
