package actions

import (
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

// holderUses lists the processes that have an object open or mapped.
func holderUses(at kinds.Ends) (uses []use) {
	for _, e := range at.Holders.Endpoints() {
		how := " has it open"
		if e.Maps > 0 {
			how = " has it mapped"
		}
		uses = addUse(uses, e, how)
	}
	return uses
}

// posixUses lists the uses of an object, and tells whether there may be more.
func posixUses(at kinds.Ends) (uses []use, hidden bool) {
	uses = holderUses(at)
	for _, e := range at.Waiters.Endpoints() {
		uses = addUse(uses, e, " is blocked in "+e.Mode+" and is not woken")
	}
	return uses, at.Holders.State() == schema.Denied || at.Holders.Partial()
}

// addUse adds a use that is not in the list yet. how follows the name of the process.
func addUse(uses []use, e schema.Endpoint, how string) []use {
	u := use{e.Ref(), processName(e.Comm, e.PID) + how}
	if slices.Contains(uses, u) {
		return uses
	}
	return append(uses, u)
}

// newUse tells in words of a use that was not shown; "": there is none.
func newUse(now, shown []use) string {
	for _, u := range now {
		if !slices.Contains(shown, u) {
			return "by now " + u.says
		}
	}
	return ""
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
			switch says := newUse(now, shown); {
			case says != "":
				return says
			case hidden && !s.hidden[r] && len(shown) == 0:
				return "nobody used it, and now somebody may"
			case len(shown) > 0 && len(now) == 0:
				return "it was in use, and now nobody uses it"
			}
			return ""
		},
	})
}
