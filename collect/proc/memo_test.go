package proc

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

type answer int

type question int

func TestMemo(t *testing.T) {
	var tick Tick
	calls := 0
	work := func(*Tick) answer { calls++; return 42 }
	if asked[answer](&tick) {
		t.Error("asked before anybody did")
	}
	if a, b := Memo(&tick, work), Memo(&tick, work); a != 42 || b != 42 || calls != 1 || !asked[answer](&tick) {
		t.Errorf("%d and %d after %d calls", a, b, calls)
	}
	if Memo(&Tick{}, work); calls != 2 {
		t.Error("another tick has the result of the first")
	}
}

// A result that needs itself would never end, so Memo panics.
func TestMemoOfItselfPanics(t *testing.T) {
	var tick Tick
	var work func(*Tick) question
	work = func(t *Tick) question { return Memo(t, work) }
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	Memo(&tick, work)
}

// A later tick finds and changes the values of an earlier one.
func TestKeep(t *testing.T) {
	var kept Kept
	*Keep(&kept, func() answer { return 1 })++
	if got := *Keep(&kept, func() answer { return 10 }); got != 2 {
		t.Errorf("kept %d, want 2", got)
	}
	if got := *Keep(&kept, func() question { return 7 }); got != 7 {
		t.Errorf("another type has %d", got)
	}
}

// A value that ticks use stays. It is forgotten some ticks after its last use.
func TestKeepWhileUsed(t *testing.T) {
	var kept Kept
	use := func() int {
		n := KeepWhileUsed(&Tick{Kept: &kept}, func() answer { return 0 })
		*n++
		return int(*n)
	}
	var got []int
	for _, idle := range []int{0, 1, 1, idleTicks, idleTicks + 1} {
		for range idle {
			kept.nextTick()
		}
		got = append(got, use())
	}
	if diff := cmp.Diff([]int{1, 2, 3, 4, 1}, got); diff != "" {
		t.Errorf("uses (-want +got):\n%s", diff)
	}
}
