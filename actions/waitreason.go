package actions

import (
	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/schema"
)

// waitersReason makes the plan ask again, right before the deeds, who waits on a queue that nobody used. The kernel
// counts no waiters of a queue (struct msqid64_ds): a receiver that blocks leaves no trace in it.
func (s *survey) waitersReason(r schema.Ref) {
	s.unwaited[r] = true
	if s.because[r.Kind] {
		return
	}
	s.because[r.Kind] = true
	s.plan.Because(Reason{
		Want:          map[schema.Kind]schema.Need{r.Kind: s.mechanism(r.Kind).NeedsAt(kinds.Waiters)},
		AllNamespaces: s.snap.Request.AllNamespaces,
		Lost: func(snap *collect.Snapshot, r schema.Ref) string {
			o := snap.Find(r)
			if !s.unwaited[r] || o == nil { // the deed itself tells that the queue is gone
				return ""
			}
			v, _ := kinds.EndsOf(o).At(kinds.Waiters)
			for _, e := range v.Endpoints() {
				return "by now " + processName(e.Comm, e.PID) + " waits on it"
			}
			return ""
		},
	})
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
