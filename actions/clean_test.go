package actions

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/schema"
)

// cleanup plans a clean-up without a grace time.
func (m *machine) cleanup(refs ...schema.Ref) *Plan {
	m.t.Helper()
	m.grace = collect.NoGrace
	p, err := m.Clean(refs)
	m.ok(err)
	m.t.Cleanup(p.Close)
	return p
}

// Only orphans are planned. Each is judged again before its deed, and what changed meanwhile stays.
func TestCleanTakesOnlyOrphans(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		who := func(w *kerneltest.Worker) string { return fmt.Sprintf("%d/%s", w.PID, m.comm(w.PID)) }
		left, waited := m.sem(0x11, 1), m.sem(0x22, 1)
		attached := m.shm(0x33, 4096)
		made := time.Now()
		kerneltest.Eventually(t, "they are more than a second old",
			func() bool { return time.Since(made) > 2*time.Second })

		user := kerneltest.Start(t, "attach", strconv.FormatUint(attached.ID, 10))
		young := m.sem(0x44, 1)
		p := m.cleanup(left, attached, waited, young)
		planned := [][]string{{p.Title}, {}, {}}
		for _, s := range p.Steps {
			planned[1] = append(planned[1], s.Ref.String())
		}
		for _, r := range p.Refused {
			says, _, _ := strings.Cut(r.String(), " could still know it")
			planned[2] = append(planned[2], says)
		}
		want := [][]string{{"Remove 2 objects"}, {left.String(), waited.String()}, {
			attached.String() + ": it is no orphan, but live: " + who(user) + " has it attached",
			young.String() + ": it is no orphan, but suspect:",
		}}
		if diff := cmp.Diff(want, planned); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}

		w := kerneltest.Start(t, "semop", strconv.FormatUint(waited.ID, 10))
		kerneltest.Eventually(t, "the worker blocks", func() bool {
			n, _, err := m.host.SemWaiters(int(waited.ID), 1)
			return err == nil && n == 1
		})
		got := m.run(p)
		wantRun := []string{"done " + left.String() + ": removed", "refused " + waited.String() +
			": changed since it was shown: it is no orphan, but live: " + who(w) +
			" waits in semop [0] -1: look at it again"}
		if diff := cmp.Diff(wantRun, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}
