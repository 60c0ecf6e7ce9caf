package actions

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/schema"
)

func (m *machine) signalThen(first, second string, after time.Duration, refs ...schema.Ref) *Plan {
	m.t.Helper()
	sig, err := ParseSignal(first)
	m.ok(err)
	then, err := ParseSignal(second)
	m.ok(err)
	p, err := m.SignalThen(sig, Then{then, after}, refs, Holders)
	m.ok(err)
	m.t.Cleanup(p.Close)
	return p
}

// The second signal goes only to those that have not ended by then. The wait is over when all have ended.
func TestASecondSignalGoesToThoseThatStay(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		soft, deaf := kerneltest.Start(t, "sleep"), kerneltest.Start(t, "deaf")
		a, b := m.proc(soft.PID), m.proc(deaf.PID)
		name, deafName := processName(m.stat(soft.PID).Comm, soft.PID), processName(m.stat(deaf.PID).Comm, deaf.PID)
		p := m.signalThen("TERM", "KILL", 200*time.Millisecond, a, b)
		kill := ends("KILL")
		want := []string{
			"Send SIGTERM to 2 processes, then SIGKILL after 200ms to those that stay",
			fmt.Sprintf("%s: SIGTERM (15) to %s of %s: asks it to end; it handles this signal itself", a, name,
				ownName()),
			fmt.Sprintf("  same as: kill -TERM %d", soft.PID),
			"  then: SIGKILL (9) after 200ms, if it has not ended: " + kill,
			fmt.Sprintf("  then the same as: kill -KILL %d", soft.PID),
			fmt.Sprintf("%s: SIGTERM (15) to %s of %s: asks it to end; but it ignores this signal", b, deafName,
				ownName()),
			fmt.Sprintf("  same as: kill -TERM %d", deaf.PID),
			"  then: SIGKILL (9) after 200ms, if it has not ended: " + kill,
			fmt.Sprintf("  then the same as: kill -KILL %d", deaf.PID),
			"note: a signal cannot be undone",
		}
		if diff := cmp.Diff(want, p.Lines()); diff != "" {
			t.Error(diff)
		}
		got := m.run(p)
		want = []string{
			fmt.Sprintf("done %s: SIGTERM sent to %s", a, name),
			fmt.Sprintf("done %s: SIGTERM sent to %s", b, deafName),
			fmt.Sprintf("unneeded %s: it has ended: no SIGKILL needed", a),
			fmt.Sprintf("done %s: SIGKILL sent to %s", b, deafName),
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		kerneltest.Eventually(t, "the deaf process ends", func() bool { return m.stat(deaf.PID).State == 'Z' })
		var deeds []string
		log, err := m.journal.Read()
		m.ok(err)
		for _, d := range log.Deeds {
			deeds = append(deeds, fmt.Sprintf("%d %s %s: %s", d.Step, d.Outcome, d.Ref, d.Equivalent))
		}
		want = []string{
			fmt.Sprintf("1 done %s: kill -TERM %d", a, soft.PID), fmt.Sprintf("2 done %s: kill -TERM %d", b, deaf.PID),
			fmt.Sprintf("3 unneeded %s: kill -KILL %d", a, soft.PID),
			fmt.Sprintf("4 done %s: kill -KILL %d", b, deaf.PID),
		}
		if diff := cmp.Diff(want, deeds); diff != "" {
			t.Error(diff)
		}
	})
}

// ends returns what a signal does.
func ends(name string) string {
	sig, _ := ParseSignal(name)
	return sig.Says
}

// When all processes have ended, nobody waits until the time is over.
func TestTheWaitEndsWithTheLastProcess(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		r := m.proc(kerneltest.Start(t, "sleep").PID)
		begin := time.Now()
		got := m.run(m.signalThen("TERM", "KILL", time.Hour, r))
		if took := time.Since(begin); len(got) != 2 || took > kerneltest.Patience {
			t.Errorf("%q after %v", got, took)
		}
	})
}

// A process that runs another program by then, or a plan that is interrupted meanwhile: no second signal.
func TestASecondSignalIsRefused(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		w := kerneltest.Start(t, "exec")
		r := m.proc(w.PID)
		run := func(after time.Duration, first func(stop func())) []string {
			ctx, stop := context.WithCancel(context.Background())
			defer stop()
			var lines []string
			m.ok(m.signalThen("CONT", "KILL", after, r).Run(ctx, func(r Result) {
				if lines = append(lines, string(r.Outcome)+" "+r.String()); len(lines) == 1 {
					first(stop)
				}
			}))
			return lines
		}
		for why, got := range map[string][]string{
			"SIGKILL not sent: interrupted": run(time.Hour, func(stop func()) { stop() }),
			"changed since it was shown: it has started its program anew (execve): look at it again": run(
				time.Millisecond,
				func(func()) {
					w.Say("again")
					w.Read()
				}),
		} {
			if want := "refused " + r.String() + ": " + why; len(got) != 2 || !strings.HasPrefix(got[0], "done ") ||
				got[1] != want {
				t.Errorf("got %q, want %q", got, want)
			}
		}
		if state := m.stat(w.PID).State; state == 'Z' {
			t.Error("it was killed")
		}
		// The first signal is refused, and so is the second one.
		p := m.signalThen("TERM", "KILL", time.Hour, r)
		w.Say("again")
		w.Read()
		got := m.run(p)
		if want := "refused " + r.String() + ": no SIGKILL: the first signal was not sent"; len(got) != 2 ||
			got[1] != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}
