package leaks

import (
	"fmt"
	"slices"

	"github.com/ipctop/ipctop/collect/ftok"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/relate"
)

// judgeKeyed gives the verdict on a System V object. A young process can know an old key, because it makes the same key
// again. A service that restarts after a crash finds its old queue by msgget(2), and leaves no trace until it sends a
// message. So judgeKeyed looks at the files of the owner's younger processes before it calls an object an orphan.
func (l *tick) judgeKeyed(o sysv.IPCPerm, e relate.Evidence) relate.Judgement {
	j := relate.Judge(e)
	if o.Key != 0 && j.Verdict == relate.Orphan {
		l.possibleByKey(&e, o)
		j = relate.Judge(e)
	}
	return j
}

// possibleByKey adds the possible users that know a file from which ftok(3) makes the object's key: processes of the
// owner and creator. A process with unreadable files may know such a file: then nothing is proven.
func (l *tick) possibleByKey(e *relate.Evidence, o sysv.IPCPerm) {
	uids := []uint32{o.UID, o.CUID}
	slices.Sort(uids)
	uids = slices.Compact(uids)
	known := ftok.FilesOf(l.Tick, uids)
	closed := slices.DeleteFunc(slices.Clone(known.Refused), func(p *proc.Process) bool { return l.bystander[p] })
	if len(closed) > 0 {
		e.AllPossibleUsers.MarkIncomplete(
			"which files these know, one of which may give its key by ftok, could not be read: " + pidList(closed))
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
			e.AddPossibleUser(func() relate.PossibleUser {
				return relate.PossibleUser{Who: l.processUser(p, p.Status.UID[1]),
					Why: fmt.Sprintf("may have its key of %s (proj %s) by ftok: %s", file.Path,
						ftok.FormatProject(byte(o.Key>>24)), use.How)}
			})
		}
	}
}
