package actions

import (
	"slices"

	"github.com/ipctop/ipctop/collect/schema"
)

// Plan is what would be done, to what and to whom. It holds the objects as they were when it was made. Its texts
// carry untrusted names (commands, users) as the kernel gave them: whoever shows them makes them visible, once.
type Plan struct {
	Title   string // "Remove 2 objects"
	Steps   []Step
	Refused []Refusal
	Notes   []string // what could not be seen, so that more may be affected than the steps say

	planner *Planner
	deed    string // "Remove"
	thing   string // "object"
}

func newPlan(p *Planner, deed, thing string) *Plan {
	return &Plan{planner: p, deed: deed, thing: thing}
}

// entitle says how many objects the steps are about.
func (p *Plan) entitle() { p.Title = p.deed + " " + schema.Counted(len(p.Steps), p.thing) }

// Step is one deed on one object.
type Step struct {
	Ref  schema.Ref
	Says string // what happens, in plain words
	// whether an object that nobody uses is leaked, and the facts behind that: "orphan: its creator, process 7, is gone;
	// …"; else ""
	Verdict string
	// the util-linux command that does the same, for a shell: "ipcrm -m 42", "ipcrm --posix-shmem '/a b'", "kill -TERM
	// 123"
	Equivalent string
	Affected   []string // processes attached, blocked or last seen using it; messages that are lost
	// Live says that living processes use the object, or that it cannot be ruled out.
	Live bool
	// Confirm is the id that a person types before a live object is touched; "" where a plain yes is enough.
	Confirm string

	object facts
	// do reads the object again, does the deed if nothing changed, and says what came of it. A *changedError means that it
	// did nothing.
	do func() (string, error)
}

// Refusal is an object that the plan leaves alone, and why. What to do instead is part of Why.
type Refusal struct {
	Ref schema.Ref
	Why string
}

// String is the refusal as a line.
func (r Refusal) String() string { return r.Ref.String() + ": " + r.Why }

// Lines is the whole plan as text, a sentence a line, details indented by two blanks.
func (p *Plan) Lines() []string {
	lines := p.Agenda()
	for _, r := range p.Refused {
		lines = append(lines, "refused: "+r.String())
	}
	return lines
}

// Agenda is Lines without what is refused.
func (p *Plan) Agenda() []string {
	lines := []string{p.Title}
	for i := range p.Steps {
		lines = append(lines, p.Steps[i].Lines()...)
	}
	for _, n := range p.Notes {
		lines = append(lines, "note: "+n)
	}
	return lines
}

// Lines is one step as text.
func (s *Step) Lines() []string {
	lines := []string{s.Ref.String() + ": " + s.Says}
	if s.Verdict != "" {
		lines = append(lines, "  verdict: "+s.Verdict)
	}
	for _, a := range s.Affected {
		lines = append(lines, "  affects: "+a)
	}
	return append(lines, "  same as: "+s.Equivalent)
}

// Live counts the steps that need an id typed.
func (p *Plan) Live() int {
	n := 0
	for i := range p.Steps {
		if p.Steps[i].Confirm != "" {
			n++
		}
	}
	return n
}

// Only returns the plan cut down to the steps that keep holds for; the others are refused with why.
func (p *Plan) Only(keep func(*Step) bool, why string) *Plan {
	cut := *p
	cut.Steps, cut.Refused = nil, slices.Clone(p.Refused)
	for i := range p.Steps {
		if s := &p.Steps[i]; keep(s) {
			cut.Steps = append(cut.Steps, *s)
		} else {
			cut.Refused = append(cut.Refused, Refusal{s.Ref, why})
		}
	}
	cut.entitle()
	return &cut
}

// add plans a step for each distinct object, in the order given.
func (p *Plan) add(refs []schema.Ref, plan func(schema.Ref) (Step, error)) {
	seen := map[schema.Ref]bool{}
	for _, r := range refs {
		if seen[r] {
			continue
		}
		seen[r] = true
		step, err := plan(r)
		if err != nil {
			p.Refused = append(p.Refused, Refusal{r, reason(err)})
			continue
		}
		p.Steps = append(p.Steps, step)
	}
	p.entitle()
}
