package kinds

import (
	"slices"

	"github.com/ipctop/ipctop/collect/kernel/fdinfo"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// sleepingRequest is a LockRequest with its thread and file.
type sleepingRequest struct {
	proc.Waiter
	file   *proc.FD
	listed bool // /proc/locks has the file with the device of stat(2); on btrfs the two devices differ
	used   bool // the request belongs to a line of /proc/locks, or waits for an unlisted lock
}

// lockWait is a waiting line of /proc/locks, with the thread if it was found.
type lockWait struct{ End schema.Endpoint }

// lockRequests lists the threads that sleep in flock and fcntl, if system calls were read.
func lockRequests(t *proc.Tick) []*sleepingRequest {
	var all []*sleepingRequest
	listed := map[proc.FileID]bool{}
	for _, l := range t.Locks {
		listed[proc.FileID{Dev: l.Dev, Ino: l.Ino}] = true
	}
	for _, p := range t.Processes() {
		for _, w := range p.Waits {
			if !proc.Locking(w.Syscall) {
				continue
			}
			if file := p.OpenFD(w.Thread, w.FD); file != nil && (file.Kind == proc.FDFile || file.Kind == proc.FDFifo) {
				all = append(all, &sleepingRequest{Waiter: proc.Waiter{Process: p, Wait: w}, file: file,
					listed: listed[proc.FileID{Dev: file.Dev, Ino: file.Ino}]})
			}
		}
	}
	return all
}

// setWaiters names the waiters of the lock. A line of /proc/locks names the waiting process, except for OFD locks.
// For those only the blocked call tells it.
func (r *LockRow) setWaiters(t *proc.Tick, requests []*sleepingRequest) {
	var ends []schema.Endpoint
	missing := false
	for i := range r.Waiters {
		line := &r.Waiters[i]
		end, ok := lockWaiter(t, line, requests)
		if !ok {
			missing = true
			continue
		}
		ends = append(ends, end)
		r.Waits = append(r.Waits, lockWait{end})
	}
	r.waiters = schema.Endpoints(ends, missing)
	if !t.Gathered(r.Ref, proc.NeedSyscall) {
		r.waiters = schema.Uncollected(schema.TypeEndpoints)
	}
}

// lockWaiter finds the thread of a request. ok is false if the thread is not known: its process is outside the pid
// namespace, or refused to show its calls.
func lockWaiter(t *proc.Tick, line *fdinfo.FileLock, requests []*sleepingRequest) (end schema.Endpoint, ok bool) {
	call := map[string]string{"FLOCK": "flock", "POSIX": "fcntl", "OFDLCK": "fcntl"}[line.Class]
	want := line.Mode
	switch {
	case call == "": // a lease: its waiter opens or truncates the file
		call = "open"
	case call == "fcntl":
		want += " " + line.Range()
	}
	mode := call + " " + want
	i := slices.IndexFunc(requests, func(s *sleepingRequest) bool { return s.makes(line, call) })
	if i >= 0 {
		s := requests[i]
		s.used = true
		end = t.Endpoint(s.Process, int(s.FD), mode)
		end.TID = s.Thread
		return end, true
	}
	if p := t.Process(line.PID); p != nil {
		return t.Endpoint(p, -1, mode), true
	}
	return schema.Endpoint{}, false
}

// makes reports whether the thread's call made the request in that line.
func (s *sleepingRequest) makes(line *fdinfo.FileLock, call string) bool {
	ofd := line.Class == "OFDLCK"
	switch {
	case s.used || s.Syscall != call || s.file.Ino != line.Ino || s.listed && s.file.Dev != line.Dev ||
		s.Lock.OFD != ofd:
		return false
	case !ofd && s.PID != line.PID:
		return false
	}
	return s.Lock.Mode == "" || s.Lock.Mode == line.Mode && s.Lock.Start == line.Start && s.Lock.End == line.End
}
