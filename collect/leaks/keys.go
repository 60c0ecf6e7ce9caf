package leaks

import (
	"fmt"
	"slices"

	"github.com/ipctop/ipctop/collect/ftok"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/relate"
)

// judgeKeyed is the verdict on a System V object. A key is known to whoever makes it anew: a service that was started
// again after a crash finds its predecessor's queue by msgget(2), which leaves no trace until it sends something.
// Before an object is called an orphan, the files of its owner's younger processes are asked.
func (l *tick) judgeKeyed(o sysv.IPCPerm, e relate.Evidence) relate.Judgement {
	j := relate.Judge(e)
	if o.Key != 0 && j.Verdict == relate.Orphan {
		l.keyElders(&e, o)
		j = relate.Judge(e)
	}
	return j
}

// keyElders finds the processes of the owner and creator that know a file of which ftok makes the object's key. One
// that may not be looked into may know one.
func (l *tick) keyElders(e *relate.Evidence, o sysv.IPCPerm) {
	uids := []uint32{o.UID, o.CUID}
	slices.Sort(uids)
	uids = slices.Compact(uids)
	known := ftok.FilesOf(l.Tick, uids)
	closed := slices.DeleteFunc(slices.Clone(known.Refused), func(p *proc.Process) bool { return l.bystander[p] })
	if len(closed) > 0 {
		e.AllElders.Hide("which files these know, one of which may give its key by ftok, could not be read: " +
			pidList(closed))
	}
	files, _ := known.Of(o.Key)
	seen := map[int]bool{}
	for _, file := range files {
		for _, use := range file.Known {
			p := l.Process(use.PID)
			if p == nil || l.bystander[p] || seen[use.PID] {
				continue
			}
			seen[use.PID] = true
			if e.Another() {
				e.Elders = append(e.Elders, relate.Elder{Who: l.processUser(p, p.Status.UID[1]),
					Why: fmt.Sprintf("may have its key of %s (proj %s) by ftok: %s", file.Path, ftok.FormatProject(byte(o.Key>>24)),
						use.How)})
			}
		}
	}
}
