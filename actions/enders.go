package actions

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/collect/waits"
)

// Enders are the processes that could end a wait, or the waits for an object.
const Enders Side = "enders"

// waitsNeeds are the facts of waits that tell who could end them.
func waitsNeeds(m *kinds.Mechanism) schema.Need { return m.NeedsOf([]string{string(Enders)}) }

// surveyWaits reads the waits, and the kinds of the objects. Only a second look tells a deadlock.
func (p *Planner) surveyWaits(plan *Plan, objects []schema.Ref) *survey {
	return p.surveyWith(plan, append(slices.Clone(objects), schema.Ref{Kind: schema.Wait}),
		func(m *kinds.Mechanism) schema.Need {
			if m.Kind == schema.Wait {
				return waitsNeeds(m)
			}
			return 0
		}, func(c *collect.Collector, req collect.Request) *collect.Snapshot {
			snap := c.Take(req)
			if snap.Pending {
				time.Sleep(collect.ConfirmAfter)
				snap = c.Take(req)
			}
			return snap
		})
}

// waiting returns the waits that a Ref names: of this thread, or for this object.
func waiting(snap *collect.Snapshot, r schema.Ref) []*waits.Row {
	var found []*waits.Row
	for _, o := range snap.Objects[schema.Wait] {
		row, ok := o.Row.(*waits.Row)
		if ok && row.Task.Activity == relate.Waiting && (o.Ref == r || slices.Contains(row.Objects(), r)) {
			found = append(found, row)
		}
	}
	return found
}

// endsFor returns the enders of a wait that are known to be at its object, and that act on the object r. The processes
// that wait are no enders: nobody ends a wait by a signal to the waiter. guesses counts the others that may be able to.
func endsFor(w *waits.Row, r schema.Ref) (known []*relate.Ender, itself bool, guesses int) {
	wait := &w.Task.Wait
	for i := range wait.Enders {
		e := &wait.Enders[i]
		on := e.On
		if on.IsZero() {
			on = wait.On
		}
		switch {
		case r.Kind != schema.Wait && on != r:
		case e.Proc == w.Task.Proc:
			itself = true
		case e.Weak:
			guesses++
		default:
			known = append(known, e)
		}
	}
	return known, itself, guesses
}

// enders returns the processes that could end the waits of a Ref, each with the reason in words.
func (s *signalling) enders(r schema.Ref) ([]schema.Ref, error) {
	rows := waiting(s.snap, r)
	if len(rows) == 0 {
		return nil, s.noWait(r)
	}
	var found []schema.Ref
	count := map[schema.Ref]int{} // of waits that a process could end
	itself, guesses, others := false, 0, ""
	for _, w := range rows {
		known, self, guessed := endsFor(w, r)
		itself, guesses = itself || self, guesses+guessed
		if others == "" {
			others = w.Task.Wait.Open
		}
		done := map[schema.Ref]bool{} // several threads of a process may be able to
		for _, e := range known {
			if done[e.Proc] {
				continue
			}
			done[e.Proc] = true
			if count[e.Proc]++; count[e.Proc] == 1 {
				found = append(found, e.Proc)
				s.addRole(e.Proc, role{r, kinds.Side(Enders)})
				s.addReason(e.Proc, enderWords(w, e))
			}
		}
		if w.Status == relate.StatusDeadlock {
			s.note(w.Task.Name() + " waits in a deadlock: who could end its wait waits itself, and may not act on a " +
				"signal before it goes on; the end of one of them is enough")
		}
	}
	for p, n := range count {
		if n > 1 {
			s.addReason(p, fmt.Sprintf("it could end %s for %s", schema.Counted(n-1, "other wait"), r))
		}
	}
	s.enderNotes(r, itself, guesses, others)
	if len(found) == 0 {
		return nil, noEnder(itself, guesses, others)
	}
	return found, nil
}

// noWait tells why a Ref has no waits.
func (s *signalling) noWait(r schema.Ref) error {
	switch {
	case r.Kind == schema.Wait && s.snap.Find(r) != nil:
		return refuse("it waits for nobody: others wait for it; without --to the signal goes to its process")
	case r.Kind == schema.Wait:
		return goneError("it does not wait any more")
	case s.snap.Find(r) == nil:
		return goneError("it is gone, or another object has its number: look at it again")
	}
	return refuse("nobody waits for it, as far as can be seen: so nobody is needed to end a wait")
}

// enderNotes tells who else could end the waits.
func (s *signalling) enderNotes(r schema.Ref, itself bool, guesses int, others string) {
	if itself {
		s.note("the waiting process itself could end the wait of " + r.String() + ", and is left out")
	}
	if guesses > 0 {
		s.note(fmt.Sprintf("%s may be able to end it and are left out, since nothing shows that they have it: %s",
			schema.Counted(guesses, "other process"), "ipctop graph "+r.String()))
	}
	if others != "" {
		s.note("the wait of " + r.String() + " could also be ended by " + others)
	}
}

// noEnder tells why no process gets a signal.
func noEnder(itself bool, guesses int, others string) error {
	var says []string
	if others != "" {
		says = append(says, others+" could")
	}
	if guesses > 0 {
		says = append(says, fmt.Sprintf("of %s nothing shows that they have it", schema.Counted(guesses, "process")))
	}
	if itself {
		says = append(says, "the waiting process itself could")
	}
	if len(says) == 0 {
		says = []string{"as far as can be seen, nobody could"}
	}
	return refuse("no process can be named that could end the wait: %s", strings.Join(says, "; "))
}

// enderWords tells why a process could end a wait: "it could end the wait of 301/right for pipe:8001 (holds its write
// end, fd 5)".
func enderWords(w *waits.Row, e *relate.Ender) string {
	wait := &w.Task.Wait
	says := "it could end the wait of " + w.Task.Name()
	on := e.On
	if on.IsZero() {
		on = wait.On
	}
	if !on.IsZero() {
		says += " for " + on.String()
	}
	how := e.How
	if e.ByFD {
		how += ", fd " + strconv.Itoa(int(e.FD))
	}
	if e.Proof != schema.Observed {
		how += ", inferred"
	}
	return says + " (" + how + ")"
}

// lostEnder tells in words that a process could not end the waits of a Ref any more; "": it could.
func lostEnder(snap *collect.Snapshot, r, process schema.Ref) string {
	rows := waiting(snap, r)
	for _, w := range rows {
		known, _, _ := endsFor(w, r)
		if slices.ContainsFunc(known, func(e *relate.Ender) bool { return e.Proc == process }) {
			return ""
		}
	}
	if len(rows) > 0 {
		return "it could not end the wait of " + r.String() + " any more"
	}
	if r.Kind == schema.Wait {
		return r.String() + " waits no more"
	}
	return "nobody waits for " + r.String() + " any more"
}

// processOf returns the process whose thread waits.
func (p *Planner) processOf(wait schema.Ref) (schema.Ref, error) {
	const over = goneError("the thread has ended, or another one has its number: look at it again")
	dir, err := p.admin.OpenProcess(int(wait.ID)) // /proc has the directories of all threads, but lists processes only
	if err != nil {
		return schema.Ref{}, over
	}
	defer dir.Close()
	pid, err := dir.ThreadGroup()
	if err != nil {
		return schema.Ref{}, over
	}
	stat, err := proc.StatOf(p.host, pid)
	if err != nil || stat.Start != wait.Gen {
		return schema.Ref{}, over
	}
	return proc.RefOf(&stat), nil
}
