package kinds

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/ipctop/ipctop/collect/kernel/fdinfo"
	"github.com/ipctop/ipctop/collect/proc"
)

// Some locks are not in /proc/locks. In a nested pid namespace the file omits a lock whose process has ended, and all
// waiters of the lock (locks_show in fs/locks.c). An example is flock(1) on a shell's descriptor. But fdinfo of each
// descriptor of the open file still shows the lock, with 0 for the process (lock_get_status). A process outside may
// have taken the lock, too, if it shares the open file.

// unlisted reports whether a lock from fdinfo is missing in /proc/locks.
func unlisted(l *fdinfo.FileLock) bool { return l.PID == 0 && l.Class != "POSIX" }

// readUnlisted reads fdinfo of the files on which threads sleep in flock. If locks are wanted, the walk has already
// read fdinfo of all files.
func readUnlisted(t *proc.Tick, requests *lockRequests) {
	if !t.Nested {
		return
	}
	for _, list := range requests.byFile {
		i := slices.IndexFunc(list, func(s *sleepingRequest) bool { return s.Syscall == "flock" })
		if i < 0 {
			continue
		}
		s := list[i]
		for _, u := range t.FDUses(s.file.Kind, s.file.Dev, s.file.Ino) {
			if _, ok := u.Process.Info[u.FD.ID()]; ok {
				continue
			}
			if u.Process.Info == nil {
				u.Process.Info = map[proc.FDNum]proc.FDInfo{}
			}
			text, err := t.DescriptorText(u)
			u.Process.Info[u.FD.ID()] = proc.FDInfo{Text: bytes.Clone(text), Err: err}
		}
	}
}

// unlistedLocks lists the locks behind descriptors that are not in /proc/locks, one for each open file.
func unlistedLocks(t *proc.Tick, uses map[fdinfo.FileLock][][]proc.FDUse) []fdinfo.HeldLock {
	if !t.Nested {
		return nil
	}
	var all []fdinfo.HeldLock
	for l, groups := range uses {
		if unlisted(&l) {
			all = append(all, slices.Repeat([]fdinfo.HeldLock{{FileLock: l}}, len(groups))...)
		}
	}
	slices.SortFunc(all, func(a, b fdinfo.HeldLock) int {
		return cmp.Or(cmp.Compare(a.Dev, b.Dev), cmp.Compare(a.Ino, b.Ino), cmp.Compare(a.Class, b.Class),
			cmp.Compare(a.Mode, b.Mode))
	})
	return all
}

// unlistedWaiters lists the requests for a flock on the file that are not in /proc/locks. A request may wait for
// several shared locks. It becomes a waiter of the first one only, since all of them have to go.
func (r *LockRow) unlistedWaiters(requests *lockRequests) []fdinfo.FileLock {
	var lines []fdinfo.FileLock
	file := r.Uses[0].FD
	for _, s := range requests.byFile[proc.FileID{Dev: file.Dev, Ino: file.Ino}] {
		conflict := r.Mode != "READ" || s.Lock.Mode != "READ"
		if !s.used && s.Syscall == "flock" && conflict && r.Class == "FLOCK" {
			line := r.FileLock
			line.Mode, line.PID = s.Lock.Mode, s.PID
			lines = append(lines, line)
		}
	}
	return lines
}
