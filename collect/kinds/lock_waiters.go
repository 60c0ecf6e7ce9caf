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

// lockRequests are the threads that sleep in flock and fcntl. Thousands of them may wait for one lock, or have lines in
// /proc/locks, so each is found by its request and by its file.
type lockRequests struct {
	all       []*sleepingRequest
	byRequest map[requestKey][]int // indexes in all, in ascending order
	byFile    map[proc.FileID][]*sleepingRequest
}

// requestKey is what a request has in common with its line in /proc/locks. mode, start and end are empty for a call
// whose arguments are not known.
type requestKey struct {
	call, mode string
	ino        uint64
	pid        int // ofdPID for an OFD lock
	start, end uint64
}

// lockRequestsOf lists the threads that sleep in flock and fcntl, if system calls were read.
func lockRequestsOf(t *proc.Tick) *lockRequests {
	r := &lockRequests{byRequest: map[requestKey][]int{}, byFile: map[proc.FileID][]*sleepingRequest{}}
	listed := map[proc.FileID]bool{}
	for _, l := range t.Locks {
		listed[proc.FileID{Dev: l.Dev, Ino: l.Ino}] = true
	}
	for _, p := range t.Processes() {
		for _, w := range p.Waits {
			if !proc.Locking(w.Syscall) {
				continue
			}
			file := p.OpenFD(w.Thread, w.FD)
			if file == nil || file.Kind != proc.FDFile && file.Kind != proc.FDFifo {
				continue
			}
			id := proc.FileID{Dev: file.Dev, Ino: file.Ino}
			s := &sleepingRequest{Waiter: proc.Waiter{Process: p, Wait: w}, file: file, listed: listed[id]}
			key := requestKey{call: w.Syscall, ino: file.Ino, pid: p.PID}
			if w.Lock.OFD {
				key.pid = ofdPID
			}
			if w.Lock.Mode != "" {
				key.mode, key.start, key.end = w.Lock.Mode, w.Lock.Start, w.Lock.End
			}
			r.byRequest[key] = append(r.byRequest[key], len(r.all))
			r.byFile[id] = append(r.byFile[id], s)
			r.all = append(r.all, s)
		}
	}
	return r
}

// madeBy finds the first thread whose call made the request in a line. nil: none is known.
func (r *lockRequests) madeBy(line *fdinfo.FileLock, call string) *sleepingRequest {
	key := requestKey{call: call, mode: line.Mode, ino: line.Ino, pid: line.PID, start: line.Start, end: line.End}
	if line.Class == "OFDLCK" {
		key.pid = ofdPID
	}
	unread := requestKey{call: call, ino: line.Ino, pid: key.pid}
	first := len(r.all)
	for _, key := range [...]requestKey{key, unread} {
		list := r.byRequest[key]
		for len(list) > 0 && r.all[list[0]].used {
			list = list[1:]
			r.byRequest[key] = list
		}
		if i := slices.IndexFunc(list, func(i int) bool { return r.all[i].makes(line, call) }); i >= 0 {
			first = min(first, list[i])
		}
	}
	if first == len(r.all) {
		return nil
	}
	return r.all[first]
}

// setWaiters names the waiters of the lock. A line of /proc/locks names the waiting process, except for OFD locks.
// For those only the blocked call tells it.
func (r *LockRow) setWaiters(t *proc.Tick, requests *lockRequests) {
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
func lockWaiter(t *proc.Tick, line *fdinfo.FileLock, requests *lockRequests) (end schema.Endpoint, ok bool) {
	call := map[string]string{"FLOCK": "flock", "POSIX": "fcntl", "OFDLCK": "fcntl"}[line.Class]
	want := line.Mode
	switch {
	case call == "": // a lease: its waiter opens or truncates the file
		call = "open"
	case call == "fcntl":
		want += " " + line.Range()
	}
	mode := call + " " + want
	if s := requests.madeBy(line, call); s != nil {
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
