package proc

import (
	"cmp"
	"runtime"
	"sync"
	"time"

	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/schema"
)

// memoryNeeds are the needs whose sources may never answer: see process.ErrStalls.
const memoryNeeds = NeedCmdline | NeedMaps | NeedSyscall | NeedCalls

// batch is a list of processes that goroutines read side by side, each every n-th one.
type batch struct {
	pids   []int
	clocks []clock
	needs  schema.Need
	found  []*Process // nil: not read
	fresh  []cached
	step   int
	done   sync.WaitGroup // for the lanes that are not left behind
}

// lane is a goroutine of a batch.
type lane struct {
	*process.Lane
	at    int         // the index of the present process
	start uint64      // its start time
	back  chan func() // what to call after the return of a read that was left behind
}

// readAll reads processes. A goroutine whose read does not come back is left behind: another one goes on in its place,
// and reads of that process only what answers.
func (w *walker) readAll(pids []int, clocks []clock, needs schema.Need) (found []*Process, fresh []cached) {
	b := &batch{pids: pids, clocks: clocks, needs: needs, found: make([]*Process, len(pids)),
		fresh: make([]cached, len(pids)),
		step:  min(4, runtime.GOMAXPROCS(0), 1+len(pids)/64)}
	lanes := make([]*lane, b.step)
	for n := range lanes {
		b.done.Add(1)
		lanes[n] = w.lane(b, n)
	}
	all := make(chan struct{})
	go func() {
		b.done.Wait()
		close(all)
	}()
	watch := time.NewTicker(process.StallAfter / 8)
	defer watch.Stop()
	for {
		select {
		case <-all:
			return b.found, b.fresh
		case <-watch.C:
		}
		for n, l := range lanes {
			if l.Abandon() {
				l.back <- w.host.Stalls().Leave(pids[l.at], l.start)
				lanes[n] = w.lane(b, l.at)
			}
		}
	}
}

// lane starts a goroutine that reads the processes of a batch from an index on.
func (w *walker) lane(b *batch, from int) *lane {
	l := &lane{Lane: process.NewLane(), back: make(chan func(), 1)}
	go func() {
		defer func() { // also after runtime.Goexit
			if l.Left() {
				(<-l.back)()
			} else {
				b.done.Done()
			}
		}()
		buf := make([]byte, 32<<10)
		for l.at = from; l.at < len(b.pids); l.at += b.step {
			b.found[l.at], b.fresh[l.at] = w.process(b.pids[l.at], b.clocks[l.at], b.needs, buf, l)
		}
	}()
	return l
}

// memoryStalls marks what a process with locked memory does not tell.
func (p *Process) memoryStalls(needs schema.Need) {
	stalls := func(into *error, need schema.Need) {
		if needs&need != 0 && !p.Gone() && !p.KernelThread() {
			*into = cmp.Or(*into, process.ErrStalls)
		}
	}
	stalls(&p.SmallErr, NeedCmdline)
	stalls(&p.MapsErr, NeedMaps)
	stalls(&p.WaitErr, NeedSyscall)
	stalls(&p.TaskErr, NeedCalls)
}
