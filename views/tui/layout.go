package tui

import (
	"github.com/gdamore/tcell/v2"
	"github.com/rivo/tview"
)

// layout is the screen: header, tabs, body, footer. It draws the state, and passes the mouse on.
type layout struct {
	*tview.Box
	app    *app
	header header
	tabs   tabBar
	footer footer
}

func newLayout(a *app) *layout {
	return &layout{Box: tview.NewBox(), app: a, header: header{app: a}, tabs: tabBar{app: a}, footer: footer{app: a}}
}

// Draw gives every part its place.
func (l *layout) Draw(screen tcell.Screen) {
	x, y, w, h := l.GetRect()
	if w < 1 || h < 1 {
		return
	}
	top := l.header.draw(screen, x, y, w, h)
	top += l.tabs.draw(screen, x, y+top, w)
	foot := l.footer.lines(h)
	if _, asks := l.app.top().(*prompt); asks {
		foot = 2
	}
	body := h - top - foot
	l.footer.draw(screen, x, y+h-foot, w, foot)
	if body < 1 {
		return
	}
	for _, r := range l.visibleRooms() {
		if body < 14 && !r.fillsBody() { // a dialog needs the space more than the header
			r.SetRect(r.place(x, y, w, h-foot))
			r.Draw(screen)
			continue
		}
		r.SetRect(r.place(x, y+top, w, body))
		r.Draw(screen)
	}
}

// visibleRooms returns the topmost room that fills the body, and the rooms above it.
func (l *layout) visibleRooms() []room {
	rooms := l.app.rooms
	for i := len(rooms) - 1; i > 0; i-- {
		if rooms[i].fillsBody() {
			return rooms[i:]
		}
	}
	return rooms
}

// Focus passes the keyboard to the top room.
func (l *layout) Focus(delegate func(tview.Primitive)) { delegate(l.app.top()) }

// HasFocus is always true: keys are dispatched by app.key.
func (l *layout) HasFocus() bool { return true }

// MouseHandler passes the mouse to the footer and to the top room. While no dialog is open, it also passes the mouse to
// the tabs.
func (l *layout) MouseHandler() func(tview.MouseAction, *tcell.EventMouse, func(tview.Primitive)) (bool,
	tview.Primitive) {
	return func(action tview.MouseAction, ev *tcell.EventMouse, focus func(tview.Primitive)) (bool, tview.Primitive) {
		a := l.app
		mx, my := ev.Position()
		// tview reports the second of two fast clicks as a double click, even at another place.
		if action == tview.MouseLeftClick || action == tview.MouseLeftDoubleClick {
			if b := l.footer.at(mx, my); b != nil {
				a.flash = ""
				a.react(b.do(a))
				return true, nil
			}
			if i := l.tabs.at(mx, my); i >= 0 && a.top().fillsBody() {
				a.home()
				a.react(a.show(i))
				return true, nil
			}
		}
		m, ok := a.top().(mouser)
		if !ok {
			return false, nil
		}
		handled, r := m.mouse(a, action, mx, my)
		a.react(r)
		return handled, nil
	}
}

// mouser is a room that takes the mouse.
type mouser interface {
	mouse(a *app, action tview.MouseAction, x, y int) (handled bool, r reaction)
}

// home closes all rooms above the table.
func (a *app) home() {
	for len(a.rooms) > 1 {
		a.pop()
	}
}

// PasteHandler passes pasted text to a prompt.
func (l *layout) PasteHandler() func(string, func(tview.Primitive)) {
	return func(text string, _ func(tview.Primitive)) {
		if p, ok := l.app.top().(*prompt); ok {
			l.app.react(p.paste(text))
		}
	}
}
