package tui

import (
	"os"
	"strings"
	"testing"

	"github.com/ipctop/ipctop/collect/collecttest"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/schema"
)

// A snapshot for a page lacks facts that the tab's filter reads. The tab must not filter it.
func TestCountsStayWhileAPageIsOpen(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		read, write, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer read.Close()
		defer write.Close()
		if _, err := write.WriteString("12345"); err != nil {
			t.Fatal(err)
		}
		r := live(t)
		r.toTab(schema.Pipe)
		r.press("\\")
		r.write("fill == 5")
		r.press("Enter")
		r.see("1 of ")
		want := r.rows()
		r.press("Enter")
		r.see("fill ", "read by ")
		r.press("Right", "Enter")
		r.see("proc:", "pcpu")
		r.press("Ctrl-R", "Right")
		r.see("1 of ")
		r.press("Esc", "Esc")
		if s := r.now(); !strings.Contains(s, "1 of ") {
			t.Errorf("back on the list:\n%s", s)
		}
		same(t, "rows", want, r.rows())
	})
}

// The page of an object that is gone keeps its last facts, and the names of the processes at it.
func TestPageOfWhatIsGoneKeepsWhatWasSeen(t *testing.T) {
	t.Parallel()
	m := collecttest.Sample(t)
	r := openRig(t, m.Root, 100, 40, nil)
	r.toTab(schema.Pipe)
	r.press("/")
	r.write("7001")
	r.press("Enter", "Enter", "Right")
	r.see("read by       proc:102       head", "written by    proc:101       yes")
	m.Remove("/proc/101")
	m.Remove("/proc/102")
	r.press("Ctrl-R")
	r.see("GONE")
	r.press("Enter")
	r.see("proc:101  yes  GONE")
	r.press("Ctrl-R", "Esc", "Ctrl-R")
	r.see("GONE", "read by       proc:102       head", "written by    proc:101       yes", "readers    102/head")
}
