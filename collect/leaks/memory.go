package leaks

import (
	"fmt"
	"time"

	"github.com/ipctop/ipctop/collect/proc"
)

// memory says since when a process can know things. A program knows nothing when it begins (execve(2)), but for its
// arguments; a child that was forked and has run no program since knows what its parent knew then: a daemon that left
// its terminal, a worker of a server.
type memory struct {
	start uint64        // in clock ticks since boot; 0: of a process that has ended, as old as any
	from  *proc.Process // the oldest that it is of; nil: itself, or one that has ended
}

// memoryOf finds it, once a tick. What a bystander forks knows nothing either.
func (l *tick) memoryOf(p *proc.Process) memory {
	if m, ok := l.memory[p]; ok {
		return m
	}
	m := memory{start: p.Start}
	l.memory[p] = m // a tree of files may say that a process is its own ancestor
	if p.Forked() && l.Host.Live() {
		switch parent := l.Process(p.PPID); {
		case parent == nil || !l.sameProgram(p, parent),
			l.bystander[parent] && p.SID != parent.SID: // maybe one that takes the children of those that end
			m.start = 0
		case l.bystander[parent]:
		default:
			if m = l.memoryOf(parent); m.from == nil && m.start != 0 {
				m.from = parent
			}
		}
		l.memory[p] = m
	}
	return m
}

// sameProgram says whether the two run the same program, as a forked child and its parent do. What may not be read is
// told to differ.
func (l *tick) sameProgram(p, q *proc.Process) bool {
	program := func(p *proc.Process) string {
		dir, err := l.Host.OpenProc(p.Living())
		if err != nil {
			return ""
		}
		defer dir.Close()
		exe, err := dir.Readlink("exe")
		if err != nil {
			return ""
		}
		return exe
	}
	exe := program(p)
	return exe != "" && exe == program(q)
}

// recalls is how a process could know an object that was last used at that moment.
func (l *tick) recalls(p *proc.Process, lastUse time.Time) string {
	from := l.memory[p].from
	switch {
	case !l.StartTime(p.Start).After(l.lastMoment(lastUse)):
		return l.began(p, lastUse)
	case from == nil:
		return "was forked by a process that has ended and may have known it"
	}
	return fmt.Sprintf("was forked by %d/%s, which %s", from.PID, from.Comm, l.began(from, lastUse))
}

// began says when a process started that could know an object by its age, in doubt with the doubt.
func (l *tick) began(p *proc.Process, lastUse time.Time) string {
	switch start := l.StartTime(p.Start); {
	case !start.After(lastUse):
		return "started before its last use"
	case !start.After(lastUse.Add(proc.StartDoubt)):
		return "started at about the time of its last use"
	}
	return "may have started before its last use: the clock was set since"
}
