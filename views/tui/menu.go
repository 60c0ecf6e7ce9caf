package tui

import (
	"strings"

	"github.com/gdamore/tcell/v2"
)

// menu is a box with a list, over the room that opened it: signals, users, help, faults, JSON.
type menu struct {
	list
	title string
	foot  string // a line below the list
	wide  bool   // as wide as the screen
	keys  keymap // besides moving, Enter and Esc
	jump  bool   // a letter moves to the next line that starts with the typed letters
	word  string
	fit   func(width int) []item // makes the lines for a width; nil: the lines do not depend on the width
}

func newMenu(a *app, title string, items []item) *menu {
	m := &menu{list: newList(&a.theme), title: title}
	m.set(items)
	return m
}

func (m *menu) fillsBody() bool { return false }

// place centres the box. The box is as large as its content, if that fits.
func (m *menu) place(x, y, w, h int) (int, int, int, int) {
	const scroll = 2 // cells for the signs of hidden lines
	if m.fit != nil {
		m.set(m.fit(w - 4 - scroll))
	}
	width := textWidth(m.title) + 6
	for i := range m.items {
		width = max(width, textWidth(spansText(m.items[i].spans))+4)
	}
	width = max(width, textWidth(m.foot)+4)
	if m.wide {
		width = w
	}
	width = min(width, w)
	height := len(m.items) + 2
	if m.foot != "" {
		height++
	}
	if height > h {
		width, height = min(width+scroll, w), h
	}
	return x + (w-width)/2, y + (h-height)/2, width, height
}

// Draw paints the box and its content.
func (m *menu) Draw(screen tcell.Screen) {
	x, y, w, h := m.GetRect()
	frame(screen, m.theme, x, y, w, h, m.title)
	if w < 4 || h < 3 {
		return
	}
	inner := h - 2
	if m.foot != "" && inner > 1 {
		inner--
		put(screen, x+2, y+h-2, w-4, m.foot, m.theme.strong)
	}
	m.paint(screen, x+2, y+1, w-4, inner)
}

func (m *menu) keymap() keymap {
	own := keymap{{keys: "Enter", name: "Choose", help: "do what the line says",
		when: func(*app) bool { return !m.readable() }, do: m.enter}}
	own = append(own, m.keys...)
	leave := "Esc F10 q"
	if m.jump {
		leave = "Esc F10" // letters jump
	}
	own = append(own, binding{keys: leave, name: "Close", help: "close without doing anything", do: closeRoom},
		binding{keys: "Ctrl-C", help: "quit", do: func(*app) reaction { return quit }})
	return append(own, m.moves()...)
}

// typed moves to the line that starts with the typed letters: "15" or "TERM" in the menu of signals.
func (m *menu) typed(_ *app, ev *tcell.EventKey) reaction {
	if !m.jump || ev.Key() != tcell.KeyRune {
		m.word = ""
		return nothing
	}
	if !m.seek(m.word + string(ev.Rune())) {
		m.seek(string(ev.Rune()))
	}
	return nothing
}

func (m *menu) seek(word string) bool {
	for i := range m.items {
		for _, s := range m.items[i].spans {
			if !m.items[i].skip &&
				(hasPrefixFold(s.text, word) || hasPrefixFold(strings.TrimPrefix(s.text, "SIG"), word)) {
				m.index, m.word = i, word
				return true
			}
		}
	}
	return false
}

func closeRoom(a *app) reaction {
	a.pop()
	return demand
}

// frame draws a box with a title, and clears its inside. On a screen without line drawing, tcell uses "+-|".
func frame(screen tcell.Screen, th *theme, x, y, w, h int, title string) {
	if w < 2 || h < 2 {
		return
	}
	for i := range h {
		fill(screen, x, y+i, w, th.text)
		screen.SetContent(x, y+i, tcell.RuneVLine, nil, th.box)
		screen.SetContent(x+w-1, y+i, tcell.RuneVLine, nil, th.box)
	}
	for i := range w {
		screen.SetContent(x+i, y, tcell.RuneHLine, nil, th.box)
		screen.SetContent(x+i, y+h-1, tcell.RuneHLine, nil, th.box)
	}
	screen.SetContent(x, y, tcell.RuneULCorner, nil, th.box)
	screen.SetContent(x+w-1, y, tcell.RuneURCorner, nil, th.box)
	screen.SetContent(x, y+h-1, tcell.RuneLLCorner, nil, th.box)
	screen.SetContent(x+w-1, y+h-1, tcell.RuneLRCorner, nil, th.box)
	if w > 6 {
		put(screen, x+2, y, w-4, " "+title+" ", th.strong)
	}
}
