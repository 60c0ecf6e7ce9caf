package tui

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/gdamore/tcell/v2"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
)

// A canvas shows the same cells as a screen without a canvas, after any draws and any changes of the size.
func TestACanvasShowsWhatIsDrawn(t *testing.T) {
	t.Parallel()
	random := kerneltest.Random(t)
	texts := []string{"a", "Z", " ", "é", "e\u0301", "界", "…", "👩‍👩‍👧", "\u200b", "ab"}
	plain, below := tcell.NewSimulationScreen("UTF-8"), tcell.NewSimulationScreen("UTF-8")
	for _, s := range []tcell.Screen{plain, below} {
		if err := s.Init(); err != nil {
			t.Fatal(err)
		}
	}
	over := newCanvas(below)
	for draw := range 300 {
		if random.IntN(20) == 0 {
			w, h := 1+random.IntN(30), 1+random.IntN(10)
			plain.SetSize(w, h)
			below.SetSize(w, h)
		}
		seed := random.Uint64()
		for _, s := range []tcell.Screen{plain, over} {
			drawRandomly(s, rand.New(rand.NewPCG(seed, 1)), texts)
		}
		if want, got := cellsOf(plain), cellsOf(below); want != got {
			t.Fatalf("draw %d:\n%s\nwant\n%s", draw, got, want)
		}
	}
}

func drawRandomly(s tcell.Screen, random *rand.Rand, texts []string) {
	s.Clear()
	w, h := s.Size()
	for range random.IntN(w * h) {
		x, y, text := random.IntN(w+2)-1, random.IntN(h+2)-1, texts[random.IntN(len(texts))]
		style := tcell.StyleDefault.Bold(random.IntN(2) == 0).Foreground(tcell.Color(random.IntN(4)))
		switch random.IntN(3) {
		case 0:
			s.Put(x, y, text, style)
		case 1:
			runes := []rune(text)
			s.SetContent(x, y, runes[0], runes[1:], style)
		case 2:
			s.PutStrStyled(max(0, x), max(0, y), text+text, style)
		}
	}
	s.Show()
}

// cellsOf is everything on a screen as text.
func cellsOf(s tcell.Screen) string {
	all := ""
	w, h := s.Size()
	for y := range h {
		for x := range w {
			text, style, width := s.Get(x, y)
			fg, bg, attrs := style.Decompose()
			all += fmt.Sprintf("%q%d%v%v%v ", text, width, fg, bg, attrs)
		}
		all += "\n"
	}
	return all
}

// sends counts what a screen gets.
type sends struct {
	tcell.SimulationScreen
	puts, shows int
}

func (s *sends) Put(x, y int, text string, style tcell.Style) (string, int) {
	s.puts++
	return s.SimulationScreen.Put(x, y, text, style)
}

func (s *sends) Show() { s.shows++ }

// A draw that changes one cell sends one cell, and a draw that changes nothing sends nothing.
func TestACanvasSendsOnlyChanges(t *testing.T) {
	t.Parallel()
	below := &sends{SimulationScreen: tcell.NewSimulationScreen("UTF-8")}
	if err := below.Init(); err != nil {
		t.Fatal(err)
	}
	c := newCanvas(below)
	draw := func(text string) string {
		*below = sends{SimulationScreen: below.SimulationScreen}
		c.Clear()
		put(c, 0, 0, 20, text, tcell.StyleDefault)
		c.Show()
		return fmt.Sprintf("%d cells, %d shows", below.puts, below.shows)
	}
	draw("one")
	same(t, "the same again", "0 cells, 0 shows", draw("one"))
	same(t, "one letter", "1 cells, 1 shows", draw("ome"))
	c.ShowCursor(1, 1)
	same(t, "the cursor", "0 cells, 1 shows", draw("ome"))
	c.stale.Store(true)
	w, h := c.Size()
	same(t, "after a change of the size", fmt.Sprintf("%d cells, 1 shows", w*h), draw("ome"))
}
