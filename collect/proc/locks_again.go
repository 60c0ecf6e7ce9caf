package proc

// sleepsUnlisted reports whether a thread sleeps in a call for a lock, and no line of the locks that were read is its
// request. The lines of OFD locks name no process, so one of their file is enough.
func (t *Tick) sleepsUnlisted() bool {
	if !t.Needs.Has(NeedLocks|NeedSyscall) || !t.Host.Live() || t.LocksErr != nil {
		return false
	}
	for _, p := range t.procs {
		for i := range p.Waits {
			if w := &p.Waits[i]; Locking(w.Syscall) && !t.requests(p, w) {
				return true
			}
		}
	}
	return false
}

// requests reports whether a line is the request of the thread.
func (t *Tick) requests(p *Process, w *Wait) bool {
	file := p.OpenFD(w.Thread, w.FD)
	if file == nil {
		return false
	}
	for i := range t.Locks {
		l := &t.Locks[i]
		if l.Ino != file.Ino {
			continue
		}
		for _, r := range l.Waiters {
			if r.PID == p.PID || w.Lock.OFD && r.PID < 0 {
				return true
			}
		}
	}
	return false
}
