package leaks

import (
	"slices"

	"github.com/ipctop/ipctop/collect/kernel/process"
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
		facts.threads, facts.threadsErr = l.ThreadIDs(p)
		facts.threadsRead = true
	}
	return facts.threads
}
