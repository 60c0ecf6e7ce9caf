package relate

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect/schema"
)

// adviceOn returns the advice of the only finding.
func adviceOn(t *testing.T, tasks []Task) string {
	t.Helper()
	found := Solve(tasks).Findings()
	if len(found) != 1 {
		t.Fatalf("%d findings: %+v", len(found), found)
	}
	return found[0].Advice
}

// Nothing but its end helps a process whose threads wait for each other, or for themselves.
func TestAdviceOnOneProcess(t *testing.T) {
	locks := func(tid, owner int) Task {
		return Task{Thread: Thread{proc(71), tid}, Comm: "self", Activity: Waiting,
			Wait: Wait{Call: "futex", Via: "a mutex of its own", Enders: []Ender{{Proc: proc(71), TID: owner,
				How: "owns the mutex", Proof: schema.Observed}}}}
	}
	want := "end 71/self and start it again: it waits for what it has itself, so nothing else helps"
	if diff := cmp.Diff(want, adviceOn(t, []Task{locks(71, 71)})); diff != "" {
		t.Error(diff)
	}
	want = "end 71/self and start it again: its threads wait for each other, so nothing else helps"
	if diff := cmp.Diff(want, adviceOn(t, []Task{locks(71, 72), locks(72, 71)})); diff != "" {
		t.Error(diff)
	}
}

// The end of a process gives back what the process took with SEM_UNDO, and nothing else of a semaphore.
func TestAdviceOnSemaphores(t *testing.T) {
	tasks := parse(t, "10 waits 20\n20 waits 10")
	tasks[0].Wait.Enders[0].GivesBack = true
	want := "end 20/w: the kernel then gives back its semaphore operations (SEM_UNDO), and who waits for those goes " +
		"on; prefer what can be done again"
	if diff := cmp.Diff(want, adviceOn(t, tasks)); diff != "" {
		t.Error(diff)
	}
	tasks[1].Wait.Enders[0].GivesBack = true
	want = "end one of 20/w, 10/w: the kernel then gives back its semaphore operations (SEM_UNDO), and who waits for " +
		"those goes on; prefer what can be done again"
	if diff := cmp.Diff(want, adviceOn(t, tasks)); diff != "" {
		t.Error(diff)
	}
	tasks[1].Wait.On = schema.Ref{Kind: schema.Lock, Name: "12/flock"}
	want = "end one of 20/w, 10/w: the kernel then gives back locks, descriptors and semaphore operations " +
		"(SEM_UNDO), and who waits for those goes on; prefer what can be done again"
	if diff := cmp.Diff(want, adviceOn(t, tasks)); diff != "" {
		t.Error(diff)
	}
}

// A process can wait for a lock that it has by another descriptor.
func TestAdviceOnItsOwnLock(t *testing.T) {
	tasks := parse(t, "11 waits 11")
	tasks[0].Wait.On = schema.Ref{Kind: schema.Lock, Name: "6/flock"}
	tasks[0].Wait.Enders[0].ByFD, tasks[0].Wait.Enders[0].FD = true, 3
	want := "11/w itself has the lock by its fd 3 (opened before, or inherited): only closing this fd, " +
		"or the end of 11/w, helps"
	if diff := cmp.Diff(want, adviceOn(t, tasks)); diff != "" {
		t.Error(diff)
	}
}
