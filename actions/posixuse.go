package actions

import (
	"fmt"
	"slices"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/schema"
)

// use is one way in which one process uses a POSIX object.
type use struct {
	process schema.Ref
	says    string // "sleep (pid 7) has it open"
}

// posixUses lists the uses of an object, and tells whether there may be more.
func posixUses(at kinds.Ends) (uses []use, hidden bool) {
	add := func(e schema.Endpoint, format string, args ...any) {
		u := use{e.Ref(), processName(e.Comm, e.PID) + fmt.Sprintf(format, args...)}
		if !slices.Contains(uses, u) {
			uses = append(uses, u)
		}
	}
	for _, e := range at.Holders.Endpoints() {
		if e.Maps > 0 {
			add(e, " has it mapped")
		} else {
			add(e, " has it open")
		}
	}
	for _, e := range at.Waiters.Endpoints() {
		add(e, " is blocked in %s and is not woken", e.Mode)
	}
	return uses, at.Holders.State() == schema.Denied || at.Holders.Partial()
}

// posixReason makes the plan ask again, right before the deeds, who uses the POSIX objects of a kind. A use that the
// plan did not show is a change. So is the end of the last use: then what is cut off or removed is lost.
func (s *survey) posixReason(r schema.Ref, shown []use, hidden bool) {
	s.uses[r], s.hidden[r] = shown, hidden
	if s.because[r.Kind] {
		return
	}
	s.because[r.Kind] = true
	s.plan.Because(Reason{
		Want:          map[schema.Kind]schema.Need{r.Kind: s.snap.Request.Want[r.Kind]},
		AllNamespaces: s.snap.Request.AllNamespaces,
		Lost: func(snap *collect.Snapshot, r schema.Ref) string {
			shown, ours := s.uses[r]
			o := snap.Find(r)
			switch {
			case !ours:
				return ""
			case o == nil:
				return "it is gone, or another object has its name"
			}
			now, hidden := posixUses(kinds.EndsOf(o))
			for _, u := range now {
				if !slices.Contains(shown, u) {
					return "by now " + u.says
				}
			}
			switch {
			case hidden && !s.hidden[r] && len(shown) == 0:
				return "nobody used it, and now somebody may"
			case len(shown) > 0 && len(now) == 0:
				return "it was in use, and now nobody uses it"
			}
			return ""
		},
	})
}
