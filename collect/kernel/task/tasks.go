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
	owners  map[uint64]int32 // by address of a memory or a table of descriptors: the process, or several
}

// several stands for more than one process.
const several = -1

// own notes which process has a memory or a table.
func (t *Tasks) own(address uint64, pid int32) {
	if address == 0 {
		return
	}
	if owner, ok := t.owners[address]; ok && owner != pid {
		pid = several
	}
	t.owners[address] = pid
}

func (t *Tasks) shared(address uint64) bool { return address != 0 && t.owners[address] == several }

// arrange puts the threads of a process side by side, in the order of /proc/PID/task. A record without numbers is of
// a task that ended meanwhile.
func (t *Tasks) arrange() {
	t.order = make([]int32, 0, len(t.records))
	for i := range t.records {
		if r := &t.records[i]; r.PID > 0 && r.TID > 0 {
			t.order = append(t.order, int32(i))
		}
	}
	t.owners = make(map[uint64]int32, 2*len(t.order))
	for _, i := range t.order {
		r := &t.records[i]
		t.own(r.MM, r.PID)
		t.own(r.Files, r.PID)
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
