package tui

import (
	"testing"
	"time"

	"github.com/gdamore/tcell/v2"
)

// glass is a simulated screen that a test reads only while nothing draws on it. No terminal lies below: what tcell
// would send to one is not made.
type glass struct {
	tcell.SimulationScreen

	free    chan struct{} // holds one token, unless somebody draws or reads
	drawn   chan struct{} // holds one if it was drawn since somebody waited
	drawing bool          // only the UI goroutine knows

	state state // of the app when it was last drawn
	text  string
	fresh bool // text is of the last draw
}

func newGlass() *glass {
	g := &glass{SimulationScreen: tcell.NewSimulationScreen("UTF-8")}
	g.free, g.drawn = make(chan struct{}, 1), make(chan struct{}, 1)
	g.fresh = true // before the first draw there is nothing to read
	g.release()
	return g
}

// Clear is how tview begins to draw.
func (g *glass) Clear() {
	if !g.drawing {
		<-g.free
		g.drawing = true
	}
	g.SimulationScreen.Clear()
}

// Show is how tview ends to draw.
func (g *glass) Show() {
	g.drawing, g.fresh = false, false
	g.release()
	select {
	case g.drawn <- struct{}{}:
	default:
	}
}

// Fini keeps what was last drawn, unless the drawing itself failed.
func (g *glass) Fini() {
	if !g.drawing {
		<-g.free
		g.look()
		g.release()
	}
	g.SimulationScreen.Fini()
}

// hold keeps the screen as it is until release.
func (g *glass) hold(t testing.TB) {
	t.Helper()
	select {
	case <-g.free:
	case <-time.After(patience):
		t.Fatal("what draws on the screen does not end")
	}
}

func (g *glass) release() { g.free <- struct{}{} }

// look reads the screen, which is held.
func (g *glass) look() string {
	if !g.fresh {
		g.text, g.fresh = textOf(g.SimulationScreen), true
	}
	return g.text
}
