package waits

import (
	"fmt"

	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/relate"
)

// dropAwake looks again at the threads that look stuck. It reports true if one of them has run since its call was read.
// It runs after everything that the threads could wait for was read.
//
// The walk reads no call again while the CPU clock of the process stands still. The clock also stands still for a
// thread that was woken and has no CPU yet. On a busy machine such a thread waits for milliseconds, and it may be the
// thread that ends the other waits.
func (g *graph) dropAwake(solved *relate.Solution, tasks []relate.Task) (changed bool) {
	if !g.tick.Host.Live() {
		return false
	}
	buf := make([]byte, 8<<10)
	for i := range tasks {
		t := &tasks[i]
		if t.Activity == relate.Waiting && looksBad(solved, t) && !g.stillAsleep(t, buf) {
			t.Activity, t.Doing, t.Wait = relate.Running, "has just run", relate.Wait{}
			changed = true
		}
	}
	return changed
}

// stillAsleep reports true if the thread sleeps now and has not woken up since its call was read. The state is read
// before the number of sleeps. So a sleeping thread with an unchanged number has slept all the time.
func (g *graph) stillAsleep(t *relate.Task, buf []byte) bool {
	p := g.tick.Process(int(t.Proc.ID))
	th := g.tick.ThreadOf(p, t.TID)
	dir, err := g.tick.Host.OpenProc(p.Living())
	if err != nil || th == nil {
		return false
	}
	defer dir.Close()
	text, err := dir.Read(fmt.Sprintf("task/%d/stat", t.TID), buf)
	if err != nil {
		return false
	}
	asleep := byte('S')
	if g.vforks[t.Thread] || t.Wait.Signals != "" {
		asleep = 'D' // only a signal that kills wakes it
	}
	if st, err := process.ParseProcStat(text); err != nil || st.State != asleep {
		return false
	}
	n, _, err := dir.Switches(t.TID, buf)
	return err == nil && n == th.Sleeps
}
