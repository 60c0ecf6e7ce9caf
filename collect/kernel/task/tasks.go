package task

import (
	"cmp"
	"iter"
	"slices"
	"time"
)

// Tasks are the threads of one reading.
type Tasks struct {
	records []record
	order   []int32 // places in records, by process. The first thread is first, then come the others, the oldest first
	timeNS  time.Duration
	lacks   Fact
}

// arrange puts the threads of a process side by side, in the order of /proc/PID/task. A record without numbers is of
// a task that ended meanwhile.
func (t *Tasks) arrange() {
	t.order = make([]int32, 0, len(t.records))
	for i := range t.records {
		if r := &t.records[i]; r.PID > 0 && r.TID > 0 {
			t.order = append(t.order, int32(i))
		}
	}
	slices.SortFunc(t.order, func(i, j int32) int {
		a, b := &t.records[i], &t.records[j]
		switch {
		case a.PID != b.PID:
			return cmp.Compare(a.PID, b.PID)
		case a.TID == a.PID:
			return -1
		case b.TID == b.PID:
			return 1
		}
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.TID, b.TID))
	})
}

// Processes visits the processes in ascending order.
func (t *Tasks) Processes() iter.Seq[Process] {
	return func(yield func(Process) bool) {
		for rest := t.order; len(rest) > 0; {
			p := t.processAt(rest)
			if rest = rest[len(p.threads):]; !yield(p) {
				return
			}
		}
	}
}

// processAt is the process whose threads begin a list.
func (t *Tasks) processAt(order []int32) Process {
	pid, n := t.records[order[0]].PID, 1
	for n < len(order) && t.records[order[n]].PID == pid {
		n++
	}
	return Process{t, order[:n]}
}

// Process finds a process. ok is false if no thread of it was there.
func (t *Tasks) Process(pid int) (p Process, ok bool) {
	at, ok := slices.BinarySearchFunc(t.order, pid, func(i int32, pid int) int {
		return cmp.Compare(int(t.records[i].PID), pid)
	})
	if !ok {
		return Process{}, false
	}
	return t.processAt(t.order[at:]), true
}

// Has is true if the process was there.
func (t *Tasks) Has(pid int) bool {
	_, ok := t.Process(pid)
	return ok
}

// PIDs lists the processes in ascending order.
func (t *Tasks) PIDs() []int {
	pids := make([]int, 0, len(t.order))
	for p := range t.Processes() {
		pids = append(pids, p.PID())
	}
	return pids
}
