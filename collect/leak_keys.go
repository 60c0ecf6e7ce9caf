package collect

import (
	"fmt"
	"slices"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
)

// judgeKeyed is judge for a System V object. A key is known to whoever makes it anew: a service that was started again after a crash finds its
// predecessor's queue by msgget(2), which leaves no trace until it sends something. Before an object is called an orphan, the files of its owner's
// younger processes are asked.
func (f *Facts) judgeKeyed(ref schema.Ref, needs schema.Need, o kernel.IPCPerm, evidence func() relate.Evidence) judged {
	if !f.gathered(ref, needs|leakNeeds) {
		return judged{}
	}
	e := evidence()
	j := relate.Judge(e)
	if o.Key != 0 && j.Verdict == relate.Orphan {
		f.keyElders(&e, o)
		j = relate.Judge(e)
	}
	return judged{Judgement: j}
}

// keyElders finds the processes of the owner and creator that know a file of which ftok makes the object's key. One that may not be looked into may
// know one.
func (f *Facts) keyElders(e *relate.Evidence, o kernel.IPCPerm) {
	uids := []uint32{o.UID, o.CUID}
	slices.Sort(uids)
	uids = slices.Compact(uids)
	known := f.filesOf(uids)
	closed := slices.DeleteFunc(slices.Clone(known.refused), func(p *Process) bool { return f.leaks.bystander[p] })
	if len(closed) > 0 {
		e.AllElders.Hide("which files these know, one of which may give its key by ftok, could not be read: " + pidList(closed))
	}
	files, _ := known.of(o.Key)
	seen := map[int]bool{}
	for _, file := range files {
		for _, use := range file.Known {
			p := f.Process(use.PID)
			if p == nil || f.leaks.bystander[p] || seen[use.PID] {
				continue
			}
			seen[use.PID] = true
			if e.Another() {
				e.Elders = append(e.Elders, relate.Elder{Who: f.processUser(p, p.Status.UID[1]),
					Why: fmt.Sprintf("may have its key of %s (proj %s) by ftok: %s", file.Path, FormatProject(byte(o.Key>>24)), use.How)})
			}
		}
	}
}
