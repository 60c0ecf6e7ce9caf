package tui

import (
	"os"
	"testing"

	"github.com/ipctop/ipctop/collect/collecttest"
	"github.com/ipctop/ipctop/collect/schema"
)

// The followed object is unfolded, and its end is announced.
func TestFollow(t *testing.T) {
	t.Parallel()
	m := collecttest.Sample(t)
	r := openRig(t, m.Root, 120, 30, nil)
	r.toTab(schema.Proc)
	r.press("Down", "Down")
	same(t, "cursor", "proc:101", r.cursor())
	r.press("F")
	r.see("following proc:101")
	r.inside(func(a *app) {
		t := a.tab()
		t.folded[t.rows[1].object.Ref] = true // its parent
		t.arrange()
	})
	same(t, "cursor", "proc:101", r.cursor())
	if err := os.RemoveAll(m.Root + "/proc/101"); err != nil {
		t.Fatal(err)
	}
	r.press("Ctrl-R")
	r.see("proc:101 is gone")
	r.press("Up")
	r.seeNot("following")
}

// An object that could not be read is not reported as absent.
func TestUnseenIsNotAbsent(t *testing.T) {
	t.Parallel()
	m := collecttest.New(t)
	r := openRig(t, m.Root, 100, 30, nil)
	r.see("there are none")
	if err := os.Remove(m.Root + "/proc/sysvipc/msg"); err != nil {
		t.Fatal(err)
	}
	r.press("Ctrl-R")
	r.see("none that could be seen: ! lists what could not")
}
