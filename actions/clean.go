package actions

import (
	"fmt"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/leaks"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
)

// Clean plans the removal of orphans. It refuses an object that is no orphan, or may be in use. Run judges each object
// once more before its deed, and then refuses it too. The grace time is Options.Grace. The errors are those of Remove.
func (p *Planner) Clean(refs []schema.Ref) (*Plan, error) {
	s, err := p.removal(refs)
	if err != nil {
		return nil, err
	}
	plan := s.plan
	why := Reason{Want: map[schema.Kind]schema.Need{}, AllNamespaces: s.snap.Request.AllNamespaces, Lost: noOrphan}
	for kind := range s.snap.Request.Want {
		why.Want[kind] = collect.MechanismOf(kind).NeedsOf(leaks.IDs())
	}
	var steps []Step
	for _, st := range plan.Steps {
		lost := noOrphan(s.snap, st.Ref)
		if lost == "" && st.Live {
			lost = "a process may still use it: ipctop rm shows which, and asks"
		}
		if lost == "" {
			steps = append(steps, st)
		} else {
			plan.Refused = append(plan.Refused, Refusal{st.Ref, lost})
		}
	}
	plan.Steps = steps
	plan.setTitle()
	plan.Because(why)
	s.noteSaving()
	return plan, nil
}

// noOrphan tells in words why an object is no orphan; "" for an orphan. The last reason of a verdict is the one that
// decided it.
func noOrphan(snap *collect.Snapshot, r schema.Ref) string {
	o := snap.Find(r)
	if o == nil {
		return "it is gone, or another object has its number"
	}
	j := leaks.VerdictOf(o)
	switch {
	case j == nil:
		return "it is no orphan"
	case j.Verdict == relate.Orphan:
		return ""
	case len(j.Reasons) == 0:
		return fmt.Sprintf("it is no orphan, but %s", j.Verdict)
	}
	return fmt.Sprintf("it is no orphan, but %s: %s", j.Verdict, j.Reasons[len(j.Reasons)-1])
}
