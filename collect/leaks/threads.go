package leaks

import (
	"slices"

	"github.com/ipctop/ipctop/collect/kernel/namespace"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/proc"
)

// A thread may have uids and gids of its own: the system call setresuid changes those of one thread, and only the C
// library changes all threads (nptl(7)). NFS servers and Samba do so. A process knows what each of its threads knows.

// uidsOf lists the uids of a process and its threads, each once.
func (l *tick) uidsOf(p *proc.Process) []uint32 {
	return l.idsOf(p, func(s *process.ProcStatus) []uint32 { return s.UID[:] })
}

// gidsOf lists the gids of a process and its threads, each once.
func (l *tick) gidsOf(p *proc.Process) []uint32 {
	return l.idsOf(p, func(s *process.ProcStatus) []uint32 { return append(s.GID[:4:4], s.Groups...) })
}

func (l *tick) idsOf(p *proc.Process, of func(*process.ProcStatus) []uint32) []uint32 {
	ids := slices.Clone(of(&p.Status))
	others := l.otherThreads(p)
	for i := range others {
		ids = append(ids, of(&others[i])...)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// otherThreads are the ids of the threads that have another effective uid than the process. They stay the same until
// the process runs again.
func (l *tick) otherThreads(p *proc.Process) []process.ProcStatus {
	if p.Threads < 2 || p.KernelThread() || !l.Host.Live() {
		return nil
	}
	facts := l.factsOf(p)
	if !facts.threadsRead {
		facts.threads, facts.threadsErr = l.readOtherThreads(p)
		facts.threadsRead = true
	}
	return facts.threads
}

// readOtherThreads reads the ids of threads with another effective uid. A change of the effective uid makes root of the
// user namespace the owner of the process's files. So a process of another user that owns its files needs no look.
func (l *tick) readOtherThreads(p *proc.Process) (others []process.ProcStatus, err error) {
	dir, err := l.Host.OpenProc(p.Living())
	if err != nil {
		return nil, notGone(err)
	}
	defer dir.Close()
	owner, err := dir.FilesOwner()
	if err != nil || owner != 0 && owner == p.Status.UID[1] && l.inOwnUserNamespace(dir) {
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
func (l *tick) inOwnUserNamespace(dir process.Dir) bool {
	link, err := dir.Readlink("ns/user")
	if err != nil {
		return false
	}
	_, ino, ok := namespace.ParseLink([]byte(link))
	own, err := l.Host.SelfNamespace("user")
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
