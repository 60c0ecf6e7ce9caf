package actions

import (
	"slices"

	"github.com/ipctop/ipctop/collect/schema"
)

// The sides of a process: alone, or with all others of its container or unit.
const (
	Itself      Side = "itself"
	InContainer Side = "container"
	InUnit      Side = "unit"
)

func (s Side) ofProcess() bool { return s == Itself || s.inGroup() }

func (s Side) inGroup() bool { return s == InContainer || s == InUnit }

// signalMembersOf plans to signal all processes of the containers or units of some processes.
func (p *Planner) signalMembersOf(sig Signal, then Then, refs []schema.Ref, to Side) (*Plan, error) {
	if err := p.allowed(); err != nil {
		return nil, err
	}
	var groups []Members
	var refused []Refusal
	snap := p.processTable([]Members{{Column: string(to)}})
	for _, r := range refs {
		o := snap.Find(r)
		switch {
		case r.Kind != schema.Proc:
			refused = append(refused,
				Refusal{r, "only a process has a " + string(to) + " here: name one of its processes"})
			continue
		case o == nil:
			refused = append(refused, Refusal{r, "it is gone, or another process has its number: look at it again"})
			continue
		}
		g := Members{string(to), nameIn(string(to), o)}
		switch {
		case g.Name == "":
			refused = append(refused, Refusal{r, "it is in no " + string(to) + ", as far as its control group tells"})
		case !slices.Contains(groups, g):
			groups = append(groups, g)
		}
	}
	if len(groups) == 0 {
		plan := newPlan(p, "Send "+sig.String()+" to", "process")
		plan.Refused = refused
		plan.setTitle()
		return plan, nil
	}
	plan, err := p.SignalMembers(sig, then, groups, nil, Holders)
	if err == nil {
		plan.Refused = append(refused, plan.Refused...)
	}
	return plan, err
}
