package actions

import (
	"context"
	"errors"
	"fmt"

	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/proc"
)

// Outcome is the end of a step.
type Outcome string

// The outcomes, as they stand in the journal.
const (
	Done    Outcome = "done"
	Refused Outcome = "refused" // nothing was done: changed, gone, no rights, interrupted
	Failed  Outcome = "failed"
)

// Result is the outcome of one step in full.
type Result struct {
	Step    *Step
	Outcome Outcome
	Says    string // "removed", or the reason
}

func (r Result) String() string { return r.Step.Ref.String() + ": " + r.Says }

// Run does the steps in order and calls report once after each step. Second signals follow all steps. Run prints
// nothing. Before the first deed, Run writes the intents of all steps into the journal. Each step asks whether the
// reasons of the plan still hold, and reads its object again before its deed. If the journal cannot be written, Run
// stops with an error and does not report the remaining steps. When ctx ends, Run refuses the remaining steps. The
// error is ErrClosed if standard output or standard error is closed.
func (p *Plan) Run(ctx context.Context, report func(Result)) (err error) {
	if len(p.Steps) == 0 {
		return nil
	}
	if err := p.planner.allowed(); err != nil {
		return err
	}
	if p.held.closed {
		return errClosed
	}
	if err := heard(2); err != nil {
		return err
	}
	log, err := p.planner.journal.open(p)
	var keep *keeper
	if err == nil {
		defer func() { err = errors.Join(err, unwritten("the results are perhaps not on disk", log.close())) }()
		if keep, err = log.newKeeper(p.planner.saving); err != nil {
			return fmt.Errorf("nothing was done, since nothing can be saved for undo: %w (--no-save does it without)",
				err)
		}
		defer func() { err = errors.Join(err, keep.close()) }()
		err = log.intents()
	}
	if err != nil {
		return fmt.Errorf("nothing was done, since the journal cannot be written: %w (XDG_STATE_HOME says below which "+
			"directory it stands)", err)
	}
	r := &running{plan: p, look: p.lookAgain(), log: log, report: report}
	first := make([]Outcome, len(p.Steps))
	for i := range p.Steps {
		s := &p.Steps[i]
		result := Result{s, Refused, "not done: interrupted"}
		if ctx.Err() == nil {
			result = keep.run(i+1, s, r.look)
		}
		first[i] = result.Outcome
		if err := r.finish(result); err != nil {
			return err
		}
	}
	return r.second(ctx, first)
}

// running is a plan while it runs.
type running struct {
	plan   *Plan
	look   *again
	log    *record
	report func(Result)
}

// finish writes a result into the journal, and reports it.
func (r *running) finish(result Result) error {
	err := r.log.result(result)
	r.report(result)
	return unwritten("stopped after "+result.Step.Ref.String(), err)
}

// errClosed means that Run came after Close.
var errClosed = errors.New("nothing was done, since the plan is closed")

// unwritten is the error of a journal that could not be written; nil for a nil error.
func unwritten(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s, since the journal cannot be written: %w", what, err)
}

// run does the step, if the reasons of the plan still hold for it.
func (s *Step) run(look *again) Result {
	if lost := look.lost(s.Ref); lost != "" {
		return Result{s, Refused, reason(&changedError{[]string{lost}})}
	}
	return s.outcome(s.do())
}

// outcome judges the end of a deed.
func (s *Step) outcome(says string, err error) Result {
	var gone goneError
	switch {
	case err == nil:
		return Result{s, Done, says}
	case isChange(err), errors.As(err, &gone), errors.Is(err, proc.ErrReused), sys.Gone(err),
		sys.Denied(err), outside(err):
		return Result{s, Refused, reason(err)}
	}
	return Result{s, Failed, reason(err)}
}
