package actions

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/schema"
)

// A receiver that begins to block after the plan changes nothing in the queue. It is no victim all the same.
func TestAQueueThatGetsAReceiverIsNotRemoved(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		w := kerneltest.Start(t, "own")
		queue := m.ref(schema.Msg, 0)
		p := m.removal(queue)
		defer p.Close()
		if p.Live() != 0 {
			t.Fatalf("planned %q: want an idle queue", p.Lines())
		}
		w.Say("receive")
		w.Read()
		kerneltest.Eventually(t, "it waits", func() bool {
			v := m.survey(newPlan(m.Planner, "", ""), []schema.Ref{queue}, removalNeeds).ends(queue).Waiters
			return len(v.Endpoints()) == 1
		})
		m.refused(p, queue, "changed since it was shown: by now "+processName(m.stat(w.PID).Comm, w.PID)+
			" waits on it: look at it again")

		// With the receiver in the plan, the queue goes after its id was typed, and the receiver is told.
		p = m.removal(queue)
		defer p.Close()
		if p.Live() != 1 || !strings.Contains(p.Steps[0].Says, "also who begins to wait before you answer") {
			t.Errorf("planned %q", p.Lines())
		}
		m.all(p, "done "+queue.String()+": removed")
		if got := strings.Join(w.Read(), " "); !strings.Contains(got, "identifier removed") {
			t.Errorf("the receiver got %q, want EIDRM", got)
		}
	})
}

// A new value of a semaphore wakes nobody whom the plan did not show.
func TestASetThatGetsAWaiterIsNotSet(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		r := m.sem(0x55, 2)
		plan := func() *Plan {
			p := m.setting("sval[0]=200", r)
			t.Cleanup(p.Close)
			return p
		}
		named, counted, busy := plan(), plan(), (*Plan)(nil)
		counted.reasons = nil // as if no look at /proc could show the waiter
		start := func(want int) *kerneltest.Worker {
			w := kerneltest.Start(t, "semop", "0")
			kerneltest.Eventually(t, "the worker blocks", func() bool {
				n, _, err := m.host.SemWaiters(0, 2)
				return err == nil && n == want
			})
			return w
		}
		w := start(1)
		kerneltest.Eventually(t, "it is seen", func() bool {
			busy = plan()
			return strings.Contains(strings.Join(busy.Lines(), "\n"), fmt.Sprintf("(pid %d) is blocked", w.PID))
		})
		m.refused(named, r, "changed since it was shown: by now "+processName(m.stat(w.PID).Comm, w.PID)+
			" waits on it: look at it again")
		m.refused(counted, r, "changed since it was shown: blocked was 0, is 1: 1 for sval[0]: look at it again")
		// Another waiter in the place of the first does not change the count.
		w.Kill()
		other := start(1)
		m.refused(busy, r, "changed since it was shown: by now "+processName(m.stat(other.PID).Comm, other.PID)+
			" waits on it: look at it again")
		m.all(plan(), "done "+r.String()+": sval[0] 0 → 200")
		if said := other.Read(); len(said) != 1 || said[0] != "done" {
			t.Errorf("the waiter says %q", said)
		}
	})
}
