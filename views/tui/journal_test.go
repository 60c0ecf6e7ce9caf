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
