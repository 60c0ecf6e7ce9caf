package tui

import (
	"testing"
	"time"

	"github.com/gdamore/tcell/v2"

	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// testScreen is a canvas over a simulated screen. A test reads it only while nothing draws on it. It has no terminal
// below, so it makes no output for one.
type testScreen struct {
	*canvas
	below simulated

	free    chan struct{} // holds one token, unless a draw or a reader has it
	drawn   chan struct{} // holds one value after a draw, until a waiter takes it
	drawing bool          // only for the UI goroutine

	state state // of the app at the last draw
	text  string
	fresh bool // text is of the last draw
}

// simulated is a simulated screen without a terminal.
type simulated struct{ tcell.SimulationScreen }

// Show does nothing.
func (simulated) Show() {}

func newTestScreen(t testing.TB) *testScreen {
	below := simulated{tcell.NewSimulationScreen("UTF-8")}
	if err := below.Init(); err != nil {
		t.Fatal(err)
	}
	g := &testScreen{canvas: newCanvas(below), below: below}
	g.free, g.drawn = make(chan struct{}, 1), make(chan struct{}, 1)
	g.fresh = true // the text before the first draw is empty
	g.release()
	return g
}

// Clear is tview's first call of a draw.
func (g *testScreen) Clear() {
	if !g.drawing {
		<-g.free
		g.drawing = true
	}
	g.canvas.Clear()
}

// Show is tview's last call of a draw.
func (g *testScreen) Show() {
	g.canvas.Show()
	g.drawing, g.fresh = false, false
	g.release()
	select {
	case g.drawn <- struct{}{}:
	default:
	}
}

// Fini keeps the last draw, unless the draw itself failed.
func (g *testScreen) Fini() {
	if !g.drawing {
		<-g.free
		g.look()
		g.release()
	}
	g.canvas.Fini()
}

// hold stops all drawing until release.
func (g *testScreen) hold(t testing.TB) {
	t.Helper()
	select {
	case <-g.free:
	case <-time.After(patience):
		t.Fatal("what draws on the screen does not end")
	}
}

func (g *testScreen) release() { g.free <- struct{}{} }

// look reads the held screen.
func (g *testScreen) look() string {
	if !g.fresh {
		g.text, g.fresh = textOf(g.below), true
	}
	return g.text
}

// The footer names the source of the walk, in 80 columns too.
func TestTheFooterNamesTheSource(t *testing.T) {
	t.Parallel()
	r := openSample(t, schema.Pipe, 80, 24)
	r.see("ms by proc watch ", "% of the time)")
	r.inside(func(a *app) {
		s := *a.snap
		s.Source = proc.FromBPF
		a.snap = &s
	})
	r.see("ms by bpf watch ", "% of the time)")
}
