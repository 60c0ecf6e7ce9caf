package tui

import (
	"fmt"
	"testing"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/schema"
)

func TestTheJournalIsListed(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		ref := fmt.Sprint("shm:", segment(t))
		r := live(t)
		r.press("J")
		r.see("What was done", "Nothing was done with ipctop by this user.")
		r.press("Esc")
		r.toTab(schema.Shm)
		r.see(ref)
		r.press("F8")
		r.see("y = yes")
		r.press("y")
		r.see("done: "+ref, "Enter or Esc closes")
		r.press("Enter", "J")
		r.see("done", ref, "Remove 1 object: removed", "journal.jsonl")
		r.press("Enter")
		r.see("is destroyed at once", "same as: ipcrm -m", "done: removed")
	})
}

func TestUndoInTheDashboard(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		ref := fmt.Sprint("shm:", segment(t))
		r := live(t)
		r.press("z")
		r.see("nothing is saved that could be made again")
		r.press("Esc")
		r.toTab(schema.Shm)
		r.see(ref)
		r.press("F8")
		r.see("y = yes")
		r.press("y")
		r.see("done: "+ref, "Enter or Esc closes")
		same(t, "after F8", []string{}, segments(t))
		r.press("Enter", "z")
		r.see("Make again 1 object of plan 1", "is made again with", "y = yes")
		r.press("y")
		r.see("done: "+ref+": made again", "Enter or Esc closes")
		same(t, "after z", []string{ref}, segments(t))
	})
}
