package actions

import (
	"slices"
	"strings"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/schema"
)

// role is the place of a process at an object: the reason why it is a victim.
type role struct {
	object schema.Ref
	side   kinds.Side // "": it made the object
}

func (s *signalling) addRole(process schema.Ref, r role) {
	if !slices.Contains(s.roles[process], r) {
		s.roles[process] = append(s.roles[process], r)
	}
}

// rolesReason makes the plan ask again, right before the deeds, whether each process still has one of the roles for
// which it was chosen. A process that the person named needs no role.
func (s *signalling) rolesReason() {
	if len(s.roles) == 0 {
		return
	}
	s.plan.Because(Reason{Want: s.snap.Request.Want, AllNamespaces: s.snap.Request.AllNamespaces,
		Lost: func(snap *collect.Snapshot, process schema.Ref) string {
			lost := ""
			for _, r := range s.roles[process] {
				if lost = r.lost(snap, process); lost == "" {
					break
				}
			}
			if s.named[process] {
				return ""
			}
			return lost
		}})
}

// lost tells in words that a process has the role no more; "": it has it.
func (r role) lost(snap *collect.Snapshot, process schema.Ref) string {
	if r.side == kinds.Side(Enders) {
		return lostEnder(snap, r.object, process)
	}
	o := snap.Find(r.object)
	if o == nil {
		return r.object.String() + " is gone"
	}
	if r.side == "" {
		return ""
	}
	v, _ := kinds.EndsOf(o).At(r.side)
	if slices.ContainsFunc(v.Endpoints(), func(e schema.Endpoint) bool { return e.Ref() == process }) {
		return ""
	}
	return "it is no " + strings.TrimSuffix(string(r.side), "s") + " of " + r.object.String() + " any more"
}
