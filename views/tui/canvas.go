package tui

import (
	"sync/atomic"

	"github.com/gdamore/tcell/v2"
)

// canvas is a screen that passes on only the cells that changed since its last Show. tview clears the screen before
// each draw. tcell takes a cell that was cleared and written again for a changed one (CellBuffer.Put), so without the
// canvas each draw would send the whole screen to the terminal.
type canvas struct {
	tcell.Screen
	width, height int
	cells, sent   []glyph // of this draw, and of the last Show
	cursor        [2]int  // -1, -1: hidden
	sentCursor    [2]int
	stale         atomic.Bool // the screen below may have lost its cells
}

// glyph is a cell: a grapheme cluster with its style. A wide cluster covers the next cell, too.
type glyph struct {
	text  string
	style tcell.Style
	width int
}

// newCanvas returns a canvas over a screen that is initialised.
func newCanvas(screen tcell.Screen) *canvas {
	c := &canvas{Screen: screen, cursor: [2]int{-1, -1}, sentCursor: [2]int{-1, -1}}
	c.stale.Store(true)
	return c
}

// Init does nothing: the screen below is initialised.
func (c *canvas) Init() error { return nil }

// Clear begins a draw.
func (c *canvas) Clear() { c.Fill(' ', tcell.StyleDefault) }

// Fill fills the whole canvas. It takes over a new size of the screen below.
func (c *canvas) Fill(r rune, style tcell.Style) {
	if w, h := c.Screen.Size(); w != c.width || h != c.height {
		c.width, c.height = w, h
		c.cells, c.sent = make([]glyph, w*h), make([]glyph, w*h)
		c.stale.Store(true)
	}
	g := glyph{runeText(r), style, 1}
	for i := range c.cells {
		c.cells[i] = g
	}
}

// runeText is string(r), without an allocation for ASCII.
func runeText(r rune) string {
	const ascii = " !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~"
	if i := int(r - ' '); i >= 0 && i < len(ascii) {
		return ascii[i : i+1]
	}
	return string(r)
}

// Put writes the first grapheme cluster of the text. It returns the rest of the text and the cluster's width.
func (c *canvas) Put(x, y int, text string, style tcell.Style) (rest string, width int) {
	if x < 0 || y < 0 || x >= c.width || y >= c.height || text == "" {
		return text, 0
	}
	// A character of no width may come first: it belongs to the cell of the next one.
	for rest = text; width == 0 && rest != ""; {
		_, rest, width = nextCluster(rest)
	}
	c.cells[y*c.width+x] = glyph{text[:len(text)-len(rest)], style, width}
	return rest, width
}

// SetContent writes one cluster.
func (c *canvas) SetContent(x, y int, r rune, combining []rune, style tcell.Style) {
	if len(combining) == 0 {
		c.Put(x, y, runeText(r), style)
		return
	}
	c.Put(x, y, string(append([]rune{r}, combining...)), style)
}

// SetCell writes one cluster.
func (c *canvas) SetCell(x, y int, style tcell.Style, runes ...rune) {
	if len(runes) == 0 {
		runes = []rune{' '}
	}
	c.SetContent(x, y, runes[0], runes[1:], style)
}

// PutStr writes a text.
func (c *canvas) PutStr(x, y int, text string) { c.PutStrStyled(x, y, text, tcell.StyleDefault) }

// PutStrStyled writes a text.
func (c *canvas) PutStrStyled(x, y int, text string, style tcell.Style) {
	for text != "" && x < c.width {
		var width int
		if text, width = c.Put(x, y, text, style); width == 0 {
			return
		}
		x += width
	}
}

// Get returns a cell of this draw.
func (c *canvas) Get(x, y int) (text string, style tcell.Style, width int) {
	if x < 0 || y < 0 || x >= c.width || y >= c.height {
		return "", tcell.StyleDefault, 0
	}
	g := &c.cells[y*c.width+x]
	if g.text == "" || g.width == 0 {
		return " ", g.style, 1
	}
	return g.text, g.style, g.width
}

// GetContent returns a cell of this draw.
func (c *canvas) GetContent(x, y int) (r rune, combining []rune, style tcell.Style, width int) {
	text, style, width := c.Get(x, y)
	for i, each := range text {
		if i == 0 {
			r = each
		} else {
			combining = append(combining, each)
		}
	}
	return r, combining, style, width
}

// ShowCursor places the cursor of the terminal.
func (c *canvas) ShowCursor(x, y int) {
	c.cursor = [2]int{x, y}
	c.Screen.ShowCursor(x, y)
}

// HideCursor hides the cursor of the terminal.
func (c *canvas) HideCursor() { c.ShowCursor(-1, -1) }

// Show ends a draw. If nothing changed, nothing is sent.
func (c *canvas) Show() {
	all := c.stale.Swap(false)
	changed := all || c.cursor != c.sentCursor
	for i := range c.cells {
		g := &c.cells[i]
		if all || *g != c.sent[i] {
			c.Screen.Put(i%c.width, i/c.width, g.text, g.style)
			c.sent[i], changed = *g, true
		}
	}
	c.sentCursor = c.cursor
	if changed {
		c.Screen.Show()
	}
}

// PollEvent waits for an event. After a change of the size the screen below may have lost its cells.
func (c *canvas) PollEvent() tcell.Event {
	ev := c.Screen.PollEvent()
	if _, ok := ev.(*tcell.EventResize); ok {
		c.stale.Store(true)
	}
	return ev
}

// Sync draws the whole terminal again.
func (c *canvas) Sync() {
	c.stale.Store(true)
	c.Screen.Sync()
}

// Resume continues after Suspend, which loses the cells of the screen below.
func (c *canvas) Resume() error {
	c.stale.Store(true)
	return c.Screen.Resume()
}
