package actions

import (
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
