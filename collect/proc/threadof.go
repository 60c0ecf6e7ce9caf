package proc

// threadIndex holds the threads of processes with many threads, by their numbers.
type threadIndex map[*Process]map[int]*Thread

// ThreadOf finds a thread among the Tasks of a process. nil: it is not there.
func (t *Tick) ThreadOf(p *Process, tid int) *Thread {
	const few = 16
	if len(p.Tasks) <= few {
		for i := range p.Tasks {
			if th := &p.Tasks[i]; th.TID == tid {
				return th
			}
		}
		return nil
	}
	all := Memo(t, func(*Tick) threadIndex { return threadIndex{} })
	threads := all[p]
	if threads == nil {
		threads = make(map[int]*Thread, len(p.Tasks))
		for i := range p.Tasks {
			threads[p.Tasks[i].TID] = &p.Tasks[i]
		}
		all[p] = threads
	}
	return threads[tid]
}
