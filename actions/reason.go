package actions

import (
	"errors"
	"time"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/schema"
)

// Reason is why a plan has its victims: a condition that holds for them, or their role at an object. Run asks again,
// after the answer of the person and right before the deeds.
type Reason struct {
	// Want and AllNamespaces are what a snapshot needs to answer.
	Want          map[schema.Kind]schema.Need
	AllNamespaces bool
	// Lost tells in words why the reason does not hold any more for the object of a step; "": it holds.
	Lost func(*collect.Snapshot, schema.Ref) string
}

// Because adds a reason that must hold for every step of the plan.
func (p *Plan) Because(r Reason) { p.reasons = append(p.reasons, r) }

// Keep returns the plan with only the steps for which all reasons hold now. The others become refusals.
func (p *Plan) Keep() *Plan {
	look := p.lookAgain()
	lost := map[schema.Ref]string{}
	for i := range p.Steps {
		if says := look.lost(p.Steps[i].Ref); says != "" {
			lost[p.Steps[i].Ref] = says
		}
	}
	if len(lost) == 0 {
		return p
	}
	cut := p.Only(func(s *Step) bool { return lost[s.Ref] == "" }, "")
	for i := len(p.Refused); i < len(cut.Refused); i++ {
		r := &cut.Refused[i]
		r.Why = (&changedError{[]string{lost[r.Ref]}}).Error()
	}
	return cut
}

// again is a fresh look at the machine for the reasons of a plan. One look serves all steps that follow within its
// short life.
type again struct {
	plan *Plan
	snap *collect.Snapshot
	at   time.Time
	cost time.Duration
}

// A look is too old for a deed after recheckAge. Where looks are slow, it may be older: the looks take at most a fifth
// of the time.
const recheckAge = 200 * time.Millisecond

func (p *Plan) lookAgain() *again { return &again{plan: p} }

// lost tells in words why a reason does not hold any more for an object; "": all hold.
func (a *again) lost(r schema.Ref) string {
	if len(a.plan.reasons) == 0 {
		return ""
	}
	if a.snap == nil || time.Since(a.at) > max(recheckAge, 4*a.cost) {
		a.take()
	}
	for _, reason := range a.plan.reasons {
		if says := reason.Lost(a.snap, r); says != "" {
			return says
		}
	}
	return ""
}

func (a *again) take() {
	p := a.plan.planner
	req := collect.Request{Want: map[schema.Kind]schema.Need{}, Grace: p.grace}
	for _, r := range a.plan.reasons {
		for kind, need := range r.Want {
			req.Want[kind] |= need
		}
		req.AllNamespaces = req.AllNamespaces || r.AllNamespaces
	}
	begin := time.Now()
	a.snap = collect.New(p.host, p.now, p.settings...).Take(req)
	a.at = time.Now()
	a.cost = a.at.Sub(begin)
}

// isChange is true if the error means that an object is not any more what the plan showed.
func isChange(err error) bool {
	var changed *changedError
	return errors.As(err, &changed)
}
