package actions

import (
	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/schema"
)

// waitersReason makes the plan ask again, right before the deeds, who waits on an object. A waiter that was not shown
// is a change. The kernel counts no waiters of a queue (struct msqid64_ds): a receiver that blocks leaves no trace.
func (s *survey) waitersReason(r schema.Ref) {
	s.waiting[r] = waitingAt(s.ends(r))
	if s.because[r.Kind] {
		return
	}
	s.because[r.Kind] = true
	s.plan.Because(Reason{
		Want:          map[schema.Kind]schema.Need{r.Kind: collect.MechanismOf(r.Kind).NeedsAt(kinds.Waiters)},
		AllNamespaces: s.snap.Request.AllNamespaces,
		Lost: func(snap *collect.Snapshot, r schema.Ref) string {
			shown, ours := s.waiting[r]
			o := snap.Find(r)
			if !ours || o == nil { // the deed itself tells that the object is gone
				return ""
			}
			return newUse(waitingAt(kinds.EndsOf(o)), shown)
		},
	})
}

func waitingAt(at kinds.Ends) (uses []use) {
	for _, e := range at.Waiters.Endpoints() {
		uses = append(uses, use{e.Ref(), processName(e.Comm, e.PID) + " waits on it"})
	}
	return uses
}

// removalWakes tells what becomes of those who wait in calls on an object. A plan for an object in use is not refused
// for new waiters, so it names them.
func removalWakes(calls string, live bool) string {
	says := "whoever is blocked in " + calls + " on it gets EIDRM, "
	if live {
		says += "also who begins to wait before you answer, "
	}
	return says + "whoever uses it later EINVAL"
}
