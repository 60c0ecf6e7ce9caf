package leaks

import (
	"fmt"
	"time"

	"github.com/ipctop/ipctop/collect/proc"
)

// knowledge tells since when a process can know objects. A program starts with no knowledge but its arguments
// (execve(2)). A forked child that has not called execve(2) since knows what its parent knew at the fork: a daemon that
// left its terminal, a worker of a server.
type knowledge struct {
	start uint64        // in clock ticks since boot; 0: it comes from an ended process and may be of any age
	from  *proc.Process // the oldest living process that it comes from; nil: the process itself, or an ended process
}

// knowledgeOf finds the knowledge of a process, once a tick. A child of a bystander inherits no knowledge.
func (l *tick) knowledgeOf(p *proc.Process) knowledge {
	if m, ok := l.knowledge[p]; ok {
		return m
	}
	m := knowledge{start: p.Start}
	l.knowledge[p] = m // ends the recursion in a tree of files where a process is its own ancestor
	if p.Forked() && l.Host.Live() {
		switch parent := l.Process(p.PPID); {
		case parent == nil || !l.sameProgram(p, parent),
			// The bystander may be an init or subreaper that adopted the process when its parent ended. The first
			// process of a container may run the same program, for example a shell.
			l.bystander[parent] && (p.SID != parent.SID || parent.PID == 1):
			m.start = 0
		case l.bystander[parent]:
		default:
			if m = l.knowledgeOf(parent); m.from == nil && m.start != 0 {
				m.from = parent
			}
		}
		l.knowledge[p] = m
	}
	return m
}

// sameProgram reports that two processes run the same program, as after a fork. Programs that cannot be read count as
// different.
func (l *tick) sameProgram(p, q *proc.Process) bool {
	exe, err := l.program(p)
	if err != nil || exe == "" {
		return false
	}
	other, err := l.program(q)
	return err == nil && exe == other
}

// whyPossible says why a process is a possible user of an object with this last use.
func (l *tick) whyPossible(p *proc.Process, lastUse time.Time) string {
	from := l.knowledge[p].from
	switch {
	case !l.StartTime(p.Start).After(l.latestStart(lastUse)):
		return l.startReason(p, lastUse)
	case from == nil:
		return "was forked by a process that has ended and may have known it"
	}
	return fmt.Sprintf("was forked by %d/%s, which %s", from.PID, from.Comm, l.startReason(from, lastUse))
}

// startReason compares the start of a possible user with the last use of the object. It names any doubt.
func (l *tick) startReason(p *proc.Process, lastUse time.Time) string {
	switch start := l.StartTime(p.Start); {
	case !start.After(lastUse):
		return "started before its last use"
	case !start.After(lastUse.Add(proc.StartDoubt)):
		return "started at about the time of its last use"
	}
	return "may have started before its last use: the clock was set since"
}
