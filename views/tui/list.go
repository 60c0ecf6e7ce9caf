package tui

import (
	"strings"

	"github.com/gdamore/tcell/v2"
	"github.com/rivo/tview"
)

// item is a line of a list.
type item struct {
	key   string // identifies the line across refreshes, for the cursor
	spans []span
	note  string              // help below the list while the cursor is here
	do    func(*app) reaction // Enter; nil: nothing
	skip  bool                // headings and text: the cursor skips them
}

// list is lines with a cursor. Pages and menus use it.
type list struct {
	*tview.Box
	theme  *theme
	items  []item
	index  int
	top    int
	height int // lines on screen in the last draw
	y      int
}

func newList(th *theme) list { return list{Box: tview.NewBox(), theme: th} }

// set replaces the lines and keeps the cursor on the line with the same key.
func (l *list) set(items []item) {
	key := ""
	if l.index < len(l.items) {
		key = l.items[l.index].key
	}
	l.items = items
	if key != "" {
		for i := range items {
			if items[i].key == key {
				l.index = i
				return
			}
		}
	}
	l.index = max(0, min(l.index, len(items)-1))
	l.settle(1)
}

// settle moves the cursor off lines that it must skip.
func (l *list) settle(way int) {
	for range 2 {
		for i := l.index; i >= 0 && i < len(l.items); i += way {
			if !l.items[i].skip {
				l.index = i
				return
			}
		}
		way = -way
	}
}

// step moves the cursor. Without a line for the cursor it scrolls.
func (l *list) step(n int) {
	l.index = max(0, min(l.index+n, len(l.items)-1))
	switch {
	case n < 0:
		l.settle(-1)
		if l.index > 0 && l.onlySkipsAbove() {
			l.top = 0
		}
	default:
		l.settle(1)
	}
}

func (l *list) onlySkipsAbove() bool {
	for i := range l.index {
		if !l.items[i].skip {
			return false
		}
	}
	return true
}

// readable is true if no line takes the cursor. Then the keys scroll.
func (l *list) readable() bool {
	for i := range l.items {
		if !l.items[i].skip {
			return false
		}
	}
	return true
}

// moves are the keys of every list.
func (l *list) moves() keymap {
	step := func(n func() int) func(*app) reaction {
		return func(*app) reaction {
			if l.readable() {
				l.top = max(0, min(l.top+n(), len(l.items)-l.height))
			} else {
				l.step(n())
			}
			return nothing
		}
	}
	return keymap{
		{keys: "Up", help: "one line up", do: step(func() int { return -1 })},
		{keys: "Down", help: "one line down", do: step(func() int { return 1 })},
		{keys: "PgUp", help: "a screen up", do: step(func() int { return -max(1, l.height) })},
		{keys: "PgDn Space", help: "a screen down", do: step(func() int { return max(1, l.height) })},
		{keys: "Home", help: "first line", do: step(func() int { return -len(l.items) })},
		{keys: "End", help: "last line", do: step(func() int { return len(l.items) })},
	}
}

// enter calls do of the line under the cursor.
func (l *list) enter(a *app) reaction {
	if l.index < len(l.items) {
		if do := l.items[l.index].do; do != nil {
			return do(a)
		}
	}
	return nothing
}

// paint draws the lines into a rectangle.
func (l *list) paint(screen tcell.Screen, x, y, w, h int) {
	l.y, l.height = y, h
	cursor := !l.readable()
	if cursor {
		l.top = min(l.top, l.index)
		l.top = max(l.top, l.index-h+1)
	}
	l.top = max(0, min(l.top, len(l.items)-h))
	right := x + w - 1
	if len(l.items) > h {
		w -= 2 // the last cell shows that there is more
	}
	for i := 0; i < h && l.top+i < len(l.items); i++ {
		it := &l.items[l.top+i]
		if cursor && l.top+i == l.index {
			fill(screen, x, y+i, w, l.theme.cursor)
			put(screen, x, y+i, w, spansText(it.spans), l.theme.cursor)
			continue
		}
		putSpans(screen, x, y+i, w, it.spans...)
	}
	if l.top > 0 {
		put(screen, right, y, 1, "^", l.theme.strong)
	}
	if l.top+h < len(l.items) {
		put(screen, right, y+h-1, 1, "v", l.theme.strong)
	}
}

func spansText(spans []span) string {
	var b strings.Builder
	for _, s := range spans {
		b.WriteString(s.text)
	}
	return b.String()
}

// mouse: the wheel moves the cursor. A click puts the cursor on a line, and a second click acts like Enter.
func (l *list) mouse(a *app, action tview.MouseAction, x, y int) (bool, reaction) {
	switch action {
	case tview.MouseScrollUp, tview.MouseScrollDown:
		n := 3
		if action == tview.MouseScrollUp {
			n = -3
		}
		if l.readable() {
			l.top = max(0, min(l.top+n, len(l.items)-l.height))
		} else {
			l.step(n)
		}
		return true, nothing
	case tview.MouseLeftClick, tview.MouseLeftDoubleClick:
		i := l.top + y - l.y
		if y < l.y || y >= l.y+l.height || i >= len(l.items) || l.items[i].skip {
			return false, nothing
		}
		again := i == l.index
		l.index = i
		if again {
			return true, l.enter(a)
		}
		return true, nothing
	}
	return false, nothing
}
