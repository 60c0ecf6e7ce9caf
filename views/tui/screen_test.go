package tui

import (
	"testing"
	"time"

	"github.com/gdamore/tcell/v2"
)

// testScreen is a simulated screen. A test reads it only while nothing draws on it. It has no terminal below, so it
// makes no output for one.
type testScreen struct {
	tcell.SimulationScreen

	free    chan struct{} // holds one token, unless a draw or a reader has it
	drawn   chan struct{} // holds one value after a draw, until a waiter takes it
	drawing bool          // only for the UI goroutine

	state state // of the app at the last draw
	text  string
	fresh bool // text is of the last draw
}

func newTestScreen() *testScreen {
	g := &testScreen{SimulationScreen: tcell.NewSimulationScreen("UTF-8")}
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
	g.SimulationScreen.Clear()
}

// Show is tview's last call of a draw.
func (g *testScreen) Show() {
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
	g.SimulationScreen.Fini()
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
		g.text, g.fresh = textOf(g.SimulationScreen), true
	}
	return g.text
}
