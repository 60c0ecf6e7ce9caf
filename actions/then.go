package actions

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/proc"
)

// Then is a second signal, to the processes that have not ended some time after the first one. The zero Then is none.
type Then struct {
	Signal Signal
	After  time.Duration // from the last of the first signals
}

func (t Then) asked() bool { return t.Signal.Number != 0 }

// String returns the second signal in words: "SIGKILL after 10s to those that stay".
func (t Then) String() string {
	return fmt.Sprintf("%s after %s to those that stay", t.Signal, t.After)
}

// Unneeded is the outcome of a second signal to a process that has ended in time.
const Unneeded Outcome = "unneeded"

// Good is true for an outcome that leaves nothing to do.
func (o Outcome) Good() bool { return o == Done || o == Unneeded }

// follower is the step of a second signal.
type follower struct {
	Step
	then Then
	// ended waits for the end of the process, at most for timeout. It is true if the process has ended.
	ended func(timeout time.Duration) bool
}

// follow plans the second signal to the process of a step. It goes by the same handle as the first one.
func (s *signalling) follow(st *Step, v *victim, stat process.ProcStat) *follower {
	sig := s.then.Signal
	f := &follower{Step: Step{Ref: st.Ref, Victim: st.Victim, object: st.object}, then: s.then}
	f.Says = fmt.Sprintf("%s (%d) after %s, if it has not ended: %s", sig, sig.Number, s.then.After, sig.Says)
	if pid, err := v.handle.OwnPID(); err == nil {
		f.Equivalent = fmt.Sprintf("kill -%s %d", sig.Name, pid)
	}
	f.ended = func(timeout time.Duration) bool { return v.ended(s.survey, timeout) }
	f.do = func() (string, error) {
		if err := v.signal(s.survey, sig.Number); err != nil {
			return "", err
		}
		return sig.String() + " sent to " + processName(stat.Comm, stat.PID), nil
	}
	return f
}

// ended waits for the end of the process, at most for timeout. Only what is known to have ended has ended.
func (v *victim) ended(s *survey, timeout time.Duration) bool {
	h, release, err := v.open(s)
	if err != nil {
		return sys.Gone(err) || errors.Is(err, proc.ErrReused)
	}
	defer release()
	ended, err := h.Ended(timeout)
	if err != nil {
		// Without a pidfd the end shows in the last look before the signal.
		time.Sleep(timeout)
		return false
	}
	return ended
}

// lines returns the second signal as lines below those of the first one.
func (f *follower) lines() []string {
	lines := []string{"  then: " + f.Says}
	if f.Equivalent != "" {
		lines = append(lines, "  then the same as: "+f.Equivalent)
	}
	return lines
}

// Pause tells how long Run may wait between the first signals and the second ones; "": it does not wait.
func (p *Plan) Pause() string {
	i := slices.IndexFunc(p.Steps, func(s Step) bool { return s.then != nil })
	if i < 0 {
		return ""
	}
	then := p.Steps[i].then.then
	return fmt.Sprintf("after the first signals: waits up to %s for the end of the processes, "+
		"then %s to those that stay",
		then.After, then.Signal)
}

// deeds lists all steps in the order of their results: the first signals, then the second ones.
func (p *Plan) deeds() []*Step {
	var all []*Step
	for i := range p.Steps {
		all = append(all, &p.Steps[i])
	}
	for i := range p.Steps {
		if f := p.Steps[i].then; f != nil {
			all = append(all, &f.Step)
		}
	}
	return all
}

// second does the second signals. first holds the outcome of each step.
func (r *running) second(ctx context.Context, first []Outcome) error {
	r.await(ctx, first)
	for i := range r.plan.Steps {
		f := r.plan.Steps[i].then
		if f == nil {
			continue
		}
		result := f.run(ctx, r.look, first[i])
		if err := r.finish(result); err != nil {
			return err
		}
	}
	return nil
}

// await waits until the processes that got the first signal have ended, until the time is over, or until ctx ends.
func (r *running) await(ctx context.Context, first []Outcome) {
	const lookEvery = 50 * time.Millisecond // at ctx
	begin := time.Now()
	for i := range r.plan.Steps {
		f := r.plan.Steps[i].then
		if f == nil || first[i] != Done {
			continue
		}
		for ctx.Err() == nil {
			left := f.then.After - time.Since(begin)
			if left <= 0 || f.ended(min(left, lookEvery)) {
				break
			}
		}
	}
}

// run sends the second signal, if the first one was sent and the process stays.
func (f *follower) run(ctx context.Context, look *again, first Outcome) Result {
	s := &f.Step
	switch {
	case first != Done:
		return Result{s, Refused, "no " + f.then.Signal.String() + ": the first signal was not sent"}
	case f.ended(0):
		return Result{s, Unneeded, "it has ended: no " + f.then.Signal.String() + " needed"}
	case ctx.Err() != nil:
		return Result{s, Refused, f.then.Signal.String() + " not sent: interrupted"}
	}
	result := s.run(look)
	if result.Outcome == Refused && f.ended(0) {
		return Result{s, Unneeded, "it has ended: no " + f.then.Signal.String() + " needed"}
	}
	return result
}
