package views_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/views"
)

// Objects with a serious verdict stand above all objects with an unknown verdict.
func TestLeaksWorthALookComeFirst(t *testing.T) {
	rows := []views.Leak{
		{Verdict: relate.Live, Bytes: 9}, {Verdict: relate.Unknown, Bytes: 8}, {Verdict: relate.Protected},
		{Verdict: relate.Unknown, Bytes: 10},
		{Verdict: relate.Suspect}, {Verdict: relate.Idle, Bytes: 7}, {Verdict: relate.Orphan, Bytes: 1},
		{Verdict: relate.Orphan, Bytes: 2},
	}
	views.SortLeaks(rows, nil)
	want := []views.Leak{
		{Verdict: relate.Orphan, Bytes: 2}, {Verdict: relate.Orphan, Bytes: 1}, {Verdict: relate.Suspect},
		{Verdict: relate.Unknown, Bytes: 10},
		{Verdict: relate.Unknown, Bytes: 8}, {Verdict: relate.Idle, Bytes: 7}, {Verdict: relate.Protected},
		{Verdict: relate.Live, Bytes: 9},
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Error(diff)
	}
}
