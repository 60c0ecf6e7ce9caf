package collect

import (
	"slices"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/schema"
)

// sleepingRequest is a lockRequest with its thread and file.
type sleepingRequest struct {
	waiter
	file   *FD
	listed bool // a line of /proc/locks has the file with its device: on btrfs it has another than stat(2) says
	used   bool // it was found to be a line of /proc/locks, or to wait for an unlisted lock
}

// lockWait is a line of /proc/locks that waits, with the thread as far as it was found.
type lockWait struct{ end schema.Endpoint }

// lockRequests lists the threads that sleep in flock and fcntl, where system calls were asked for.
func (f *Facts) lockRequests() []*sleepingRequest {
	var all []*sleepingRequest
	listed := map[FileID]bool{}
	for _, l := range f.Locks {
		listed[FileID{l.Dev, l.Ino}] = true
	}
	for _, p := range f.Processes() {
		for _, w := range p.waits {
			if !locking(w.call) {
				continue
			}
			i := slices.IndexFunc(p.fds, func(fd FD) bool { return fd.Num == w.fd && (fd.Kind == FDFile || fd.Kind == FDFifo) })
			if i >= 0 {
				file := &p.fds[i]
				all = append(all, &sleepingRequest{waiter: waiter{p, w}, file: file, listed: listed[FileID{file.Dev, file.Ino}]})
			}
		}
	}
	return all
}

// setWaiters names who waits for the lock. The lines of /proc/locks name the process, but for OFD locks, where only the blocked call tells.
func (r *lockRow) setWaiters(f *Facts, requests []*sleepingRequest) {
	var ends []schema.Endpoint
	missing := false
	for i := range r.Waiters {
		line := &r.Waiters[i]
		end, ok := f.lockWaiter(line, requests)
		if !ok {
			missing = true
			continue
		}
		ends = append(ends, end)
		r.waits = append(r.waits, lockWait{end})
	}
	r.waiters = schema.Endpoints(ends, missing)
	if !f.gathered(r.ref, schema.NeedSyscall) {
		r.waiters = schema.Uncollected(schema.TypeEndpoints)
	}
}

// lockWaiter finds who made a request. ok is false where that cannot be told: a process outside the pid namespace, or an OFD lock that
// somebody asks for whose calls may not be read.
func (f *Facts) lockWaiter(line *kernel.FileLock, requests []*sleepingRequest) (end schema.Endpoint, ok bool) {
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
		end = f.Endpoint(s.Process, int(s.fd), mode)
		end.TID = s.tid
		return end, true
	}
	if p := f.Process(line.PID); p != nil {
		return f.Endpoint(p, -1, mode), true
	}
	return schema.Endpoint{}, false
}

// makes says whether the thread's call is the request in that line.
func (s *sleepingRequest) makes(line *kernel.FileLock, call string) bool {
	ofd := line.Class == "OFDLCK"
	switch {
	case s.used || s.call != call || s.file.Ino != line.Ino || s.listed && s.file.Dev != line.Dev || s.lock.ofd != ofd:
		return false
	case !ofd && s.PID != line.PID:
		return false
	}
	return s.lock.mode == "" || s.lock.mode == line.Mode && s.lock.start == line.Start && s.lock.end == line.End
}
