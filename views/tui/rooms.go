package tui

import (
	"github.com/gdamore/tcell/v2"
	"github.com/rivo/tview"

	"github.com/ipctop/ipctop/views"
)

// room can have the keyboard. The rooms stand on a stack; the top room gets the keys.
type room interface {
	tview.Primitive
	// keymap declares the keys of this room.
	keymap() keymap
	// typed gets the keys that no binding names.
	typed(a *app, ev *tcell.EventKey) reaction
	// place returns the room's part of the body. The rest of the body shows the rooms below.
	place(x, y, width, height int) (px, py, pw, ph int)
	// fillsBody is true if the room hides all rooms below it.
	fillsBody() bool
}

// leaver is a room that releases something when it closes.
type leaver interface{ leave() }

// push opens a room on top.
func (a *app) push(r room) {
	a.rooms = append(a.rooms, r)
	a.tv.SetFocus(r)
}

// pop closes the top room; the table at the bottom stays.
func (a *app) pop() {
	if len(a.rooms) > 1 {
		if r, ok := a.top().(leaver); ok {
			r.leave()
		}
		a.rooms = a.rooms[:len(a.rooms)-1]
	}
	a.tv.SetFocus(a.top())
	if a.held != nil {
		a.take(a.held)
	}
	if a.heldLook != nil {
		a.look(a.heldLook)
	}
}

func (a *app) top() room { return a.rooms[len(a.rooms)-1] }

// key passes one key to the top room's bindings.
func (a *app) key(ev *tcell.EventKey) *tcell.EventKey {
	a.flash, a.pressed = "", ev.Rune()
	r := a.top()
	keys := r.keymap()
	if b := keys.find(a, ev); b != nil {
		a.react(b.do(a))
		return nil
	}
	a.flash = views.Visible(keys.whyIdle(a, ev))
	a.react(r.typed(a, ev))
	return nil
}

// react does the work that a handler returned.
func (a *app) react(r reaction) {
	if r&quit != 0 {
		a.tv.Stop()
		return
	}
	if r&rearrange != 0 {
		a.changed(a.tab())
	}
	if r&(demand|rearrange) != 0 {
		a.demand()
	}
}
