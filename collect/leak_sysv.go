package collect

import (
	"fmt"
	"time"

	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
)

// shmLeakNeeds are what it takes to tell who uses a segment.
const shmLeakNeeds = schema.NeedProcs | schema.NeedMaps

// shmEvidence gathers what tells whether a segment is leaked. Its nattch counts the mappings of all processes, seen or not, so that 0
// proves that nobody has it attached.
func (f *Facts) shmEvidence(ref schema.Ref, r *shmRow) relate.Evidence {
	uses := []pastUse{{"creator", r.CPid, r.CTime}}
	if last := max(r.ATime, r.DTime); last != 0 {
		uses = append(uses, pastUse{"last user", r.LPid, last})
	}
	e := f.evidence(f.sightOf(ref.Space), f.past(uses...), time.Unix(max(r.CTime, r.ATime, r.DTime), 0), r.UID, r.CUID)
	f.protect(&e, r.subject(ref))
	found := 0
	for _, m := range r.maps {
		found += m.count
		e.Users = append(e.Users, f.user(m.Process, "has it attached"))
	}
	missing := int(r.NAttch) - found
	switch {
	case r.NAttch == 0 && found == 0:
		e.AllUsers = relate.Sight{Complete: true, Says: []string{"nobody has it attached: nattch is 0"}}
	case missing > 0:
		e.Users = append(e.Users, relate.User{Who: "somebody who cannot be seen", How: fmt.Sprintf("has it attached: %d of nattch %d", missing, r.NAttch)})
	default:
		e.AllUsers.Complete = true
	}
	if r.Dest() {
		e.Removed = "it is removed already: its memory goes when " + f.letGo(r.maps, missing) + ", and removing it again cannot help"
	}
	return e
}

// letGo says on whom the end of a removed segment waits.
func (f *Facts) letGo(maps []shmMaps, missing int) string {
	if len(maps) == 1 && missing <= 0 {
		return fmt.Sprintf("%d/%s lets go", maps[0].PID, maps[0].Comm)
	}
	return "all of them let go"
}

// user names a process that uses an object.
func (f *Facts) user(p *Process, how string) relate.User {
	return relate.User{Who: fmt.Sprintf("%d/%s", p.PID, p.Comm), How: how, Stopped: p.State == 'T' || p.State == 't'}
}
