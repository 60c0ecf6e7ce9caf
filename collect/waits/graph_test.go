package waits

import (
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
)

// The first process of the machine holds only what it started with. The first process of a container may be any
// program.
func TestWaitsBesideAFirstProcessThatCouldNotBeLookedInto(t *testing.T) {
	first := &proc.Process{}
	first.PID, first.Comm = 1, "first"
	type unseen struct{ Open, Assumes string }
	for _, test := range []struct {
		facts proc.Tick
		want  unseen
	}{
		{proc.Tick{}, unseen{Assumes: "process 1/first, which could not be looked into, has no part in it"}},
		{proc.Tick{Nested: true}, unseen{Open: "1 process that could not be looked into"}},
		{proc.Tick{Restless: true}, unseen{Open: "processes that came and went while this looked"}},
	} {
		var got unseen
		test.facts.Refuse("fd", first)
		got.Open, got.Assumes = newGraph(&test.facts).unseenHolders("fd")
		if d := gocmp.Diff(test.want, got); d != "" {
			t.Errorf("nested %t, restless %t (-want +got):\n%s", test.facts.Nested, test.facts.Restless, d)
		}
	}
}

// The threads of an idle pool wait for work. Work would come from a thread of the same process that waits as well.
func TestWaitsOfAnIdlePool(t *testing.T) {
	futex := process.BlockedCall{NR: unix.SYS_FUTEX, Args: [6]uint64{4096, 128}}
	th := proc.Thread{Task: process.Task{TID: 11, In: process.InCall, Call: futex}}
	p := &proc.Process{Tasks: []proc.Thread{{Task: process.Task{TID: 10, In: process.InCall,
		Call: process.BlockedCall{NR: unix.SYS_READ}}}, th}}
	p.PID = 10
	want := wakers{enders: []relate.Ender{
		{Proc: p.Ref(), TID: 10, How: "is a thread of the same process", Proof: schema.Inferred},
		{Proc: p.Ref(), How: "may wake it", Proof: schema.Inferred, Weak: true},
	}}
	got := newGraph(&proc.Tick{}).ownFutex(p, &th)
	if d := gocmp.Diff(want, got, gocmp.AllowUnexported(wakers{})); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
