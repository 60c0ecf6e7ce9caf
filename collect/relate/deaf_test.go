package relate

import (
	"strings"
	"testing"

	"github.com/ipctop/ipctop/collect/schema"
)

// Signals do not end threads in state D, so the advice names only processes that a signal ends.
func TestAdviceForThreadsInStateD(t *testing.T) {
	for _, test := range []struct {
		name, tasks string
		deaf        []int
		want        string // how it begins
	}{
		{"one of two", "10 waits 11?\n11 waits 10?", []int{10}, "end 11/w: "},
		{"all", "10 waits 11?\n11 waits 10?", []int{10, 11}, deafAdvice},
		{"itself", "10 waits 10?", []int{10}, deafAdvice},
	} {
		t.Run(test.name, func(t *testing.T) {
			tasks := parse(t, test.tasks)
			for i := range tasks {
				w := &tasks[i].Wait
				w.On, w.Via, w.Token = schema.Ref{Kind: schema.Lock, ID: 5}, "flock", 1
				for _, pid := range test.deaf {
					if int(tasks[i].Proc.ID) == pid {
						w.On, w.Via, w.Signals = schema.Ref{}, "a mutex of the kernel", "no signal ends it"
					}
				}
			}
			findings := Solve(tasks).Confirmed(Solve(tasks)).Findings()
			if len(findings) != 1 {
				t.Fatalf("findings %v", findings)
			}
			if got := findings[0].Advice; !strings.HasPrefix(got, test.want) {
				t.Errorf("advice %q, want %q", got, test.want)
			}
			if got := findings[0].Proof; got != schema.Inferred {
				t.Errorf("proof %s", got)
			}
		})
	}
}
