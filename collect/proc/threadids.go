package proc

import (
	"slices"

	"github.com/ipctop/ipctop/collect/kernel/namespace"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// RunsAs reports whether a thread of the process has one of the uids, or may have it.
func (t *Tick) RunsAs(p *Process, uids []uint32) bool {
	has := func(s process.ProcStatus) bool {
		return slices.ContainsFunc(s.UID[:], func(uid uint32) bool { return slices.Contains(uids, uid) })
	}
	if !p.StatusKnown || has(p.Status) || p.Threads < 2 || !t.Host.Live() {
		return p.StatusKnown && has(p.Status)
	}
	others, err := t.ThreadIDs(p)
	return err != nil || slices.ContainsFunc(others, has)
}

// ThreadIDs reads the ids of threads with another effective uid. A change of the effective uid makes root of the
// user namespace the owner of the process's files. So a process of another user that owns its files needs no look.
func (t *Tick) ThreadIDs(p *Process) (others []process.ProcStatus, err error) {
	dir, err := t.Host.OpenProc(p.Living())
	if err != nil {
		return nil, notGone(err)
	}
	defer dir.Close()
	owner, err := dir.FilesOwner()
	if err != nil || owner != 0 && owner == p.Status.UID[1] && t.inOwnUserNamespace(dir) {
		return nil, notGone(err)
	}
	buf := make([]byte, 8<<10)
	owners, err := dir.ThreadOwners(buf)
	if err != nil {
		return nil, notGone(err)
	}
	for tid, uid := range owners {
		if uid == p.Status.UID[1] {
			continue
		}
		status, readErr := threadStatus(dir, tid, buf)
		if readErr == nil {
			others = append(others, status)
		} else if !sys.Gone(readErr) {
			err = readErr
		}
	}
	return others, err
}

// inOwnUserNamespace reports that a process is in the reader's user namespace, where uid 0 is root.
func (t *Tick) inOwnUserNamespace(dir process.Dir) bool {
	link, err := dir.Readlink("ns/user")
	if err != nil {
		return false
	}
	_, ino, ok := namespace.ParseLink([]byte(link))
	own, err := t.Host.SelfNamespace("user")
	return ok && err == nil && ino == own
}

func threadStatus(dir process.Dir, tid int, buf []byte) (process.ProcStatus, error) {
	thread, err := dir.OfThread(tid)
	if err != nil {
		return process.ProcStatus{}, err
	}
	defer thread.Close()
	text, err := thread.Read("status", buf)
	if err != nil {
		return process.ProcStatus{}, err
	}
	return process.ParseProcStatus(text)
}

// notGone is err, or nil if the process has ended.
func notGone(err error) error {
	if sys.Gone(err) {
		return nil
	}
	return err
}
