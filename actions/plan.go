package actions

import (
	"slices"
	"strings"
	"sync"

	"github.com/ipctop/ipctop/collect/schema"
)

// Plan is a list of deeds that are not yet done, with the objects as the plan read them. It holds descriptors: the
// caller closes the plan, and the plans that Only cuts from it need no Close of their own. Its texts hold untrusted
// names (commands, users) as the kernel gave them. The caller who prints a text makes control characters visible, once.
type Plan struct {
	Title   string // "Remove 2 objects"
	Steps   []Step
	Refused []Refusal
	Notes   []string // limits of sight: more may be affected than the steps say

	planner *Planner
	deed    string // "Remove"
	thing   string // "object"
	tail    string // ends the title: ", then SIGKILL after 10s to those that stay"
	held    *holdings
	reasons []Reason
}

func newPlan(p *Planner, deed, thing string) *Plan {
	return &Plan{planner: p, deed: deed, thing: thing, held: &holdings{}}
}

// holdings are the things that a plan holds open until its deeds: processes, directories. Plans that Only cuts share
// them.
type holdings struct {
	sync.Mutex
	release []func()
	closed  bool
}

// hold calls release when the plan is closed.
func (p *Plan) hold(release func()) {
	p.held.Lock()
	defer p.held.Unlock()
	p.held.release = append(p.held.release, release)
}

// Close releases all that the plan holds open. It must not be called while Run runs. Afterwards the plan can still be
// shown, but Run fails. Closing the plan twice does no harm.
func (p *Plan) Close() {
	p.held.Lock()
	defer p.held.Unlock()
	for _, release := range p.held.release {
		release()
	}
	p.held.release = nil
	p.held.closed = true
}

// setTitle sets the title from the number of steps.
func (p *Plan) setTitle() { p.Title = p.deed + " " + schema.Counted(len(p.Steps), p.thing) + p.tail }

// Step is one deed on one object.
type Step struct {
	Ref schema.Ref
	// Victim names the object or process for a question: "worker (pid 7) of alice", "message queue 3 (key 0x00001234,
	// owner alice)".
	Victim string
	Says   string // the effect, in plain words
	// Verdict is the leak verdict on an object without a user, and its facts: "orphan: its creator, process 7, is gone;
	// …". It is "" for an object in use.
	Verdict string
	// Equivalent is the shell command that does the same: "ipcrm -m 42", "ipcrm --posix-shmem '/a b'", "kill -TERM
	// 123".
	Equivalent string
	Affected   []string // processes attached, blocked or last seen using it; messages that are lost
	// Live is true if living processes use the object, or may use it.
	Live bool
	// Confirm is the id that a person must type before a live object is changed. If it is "", the answer yes is enough.
	Confirm string

	Unsaved []string // what a removal takes away and undo cannot bring back

	object facts
	back   *wayBack  // nil: undo does not know the deed
	then   *follower // a second signal, if the process stays; nil: none
	// do reads the object again. If nothing has changed, it does the deed and returns the result in words. With a
	// *changedError it did nothing.
	do func() (string, error)
}

// Use tells in words whether a live object is in use: nobody may have been seen at it.
func (s *Step) Use() string {
	if len(s.Affected) == 0 {
		return "may be in use"
	}
	return "is in use"
}

// Refusal is an object that the plan does not touch. Why gives the reason and an alternative.
type Refusal struct {
	Ref schema.Ref
	Why string
}

// String returns the refusal as one line.
func (r Refusal) String() string { return r.Ref.String() + ": " + r.Why }

// Lines returns the whole plan as text: one sentence a line, and details indented by two blanks.
func (p *Plan) Lines() []string {
	lines := p.Agenda()
	for _, r := range p.Refused {
		lines = append(lines, "refused: "+r.String())
	}
	return lines
}

// Agenda returns Lines without the refusals.
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

// Lines returns one step as text.
func (s *Step) Lines() []string {
	lines := []string{s.Ref.String() + ": " + s.Says}
	if s.Verdict != "" {
		lines = append(lines, "  verdict: "+s.Verdict)
	}
	for _, a := range s.Affected {
		lines = append(lines, "  affects: "+a)
	}
	for _, u := range s.Unsaved {
		lines = append(lines, "  not saved: "+u)
	}
	if s.Equivalent != "" {
		lines = append(lines, "  same as: "+s.Equivalent)
	}
	if s.then != nil {
		lines = append(lines, s.then.lines()...)
	}
	return lines
}

// Live counts the steps that need a typed id.
func (p *Plan) Live() int {
	n := 0
	for i := range p.Steps {
		if p.Steps[i].Confirm != "" {
			n++
		}
	}
	return n
}

// Only returns the plan with only the steps for which keep is true. The other steps become refusals for the reason why.
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
	cut.setTitle()
	return &cut
}

// add plans one step for each distinct object, in the order of refs.
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
		if step.Victim == "" {
			step.Victim = r.String()
		}
		if step.do == nil {
			panic("a step for " + r.String() + " does nothing")
		}
		p.Steps = append(p.Steps, step)
	}
	p.setTitle()
}

// Victims names the objects and processes of the steps in one line: the first few, and the number of the others.
func (p *Plan) Victims(most int) string {
	var names []string
	for i := range p.Steps {
		if i == most {
			names = append(names, schema.Counted(len(p.Steps)-most, "other"))
			break
		}
		names = append(names, p.Steps[i].Victim)
	}
	return strings.Join(names, ", ")
}
