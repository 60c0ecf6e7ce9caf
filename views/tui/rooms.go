package tui

import (
	"github.com/gdamore/tcell/v2"
	"github.com/rivo/tview"
)

// room is what can have the keyboard. The rooms stand on a stack; the top one gets the keys.
type room interface {
	tview.Primitive
	// keymap declares what the keys do here.
	keymap() keymap
	// typed gets the keys that the keymap does not name.
	typed(a *app, ev *tcell.EventKey) reaction
	// place says where the room stands in the body: whole, or a part of it, over what is below.
	place(x, y, width, height int) (px, py, pw, ph int)
	// whole says whether nothing below it is seen.
	whole() bool
}

// push opens a room on top.
func (a *app) push(r room) {
	a.rooms = append(a.rooms, r)
	a.tv.SetFocus(r)
}

// pop closes the top room; the table at the bottom stays.
func (a *app) pop() {
	if len(a.rooms) > 1 {
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

// key dispatches one key to the top room's bindings.
func (a *app) key(ev *tcell.EventKey) *tcell.EventKey {
	a.flash, a.pressed = "", ev.Rune()
	r := a.top()
	if b := r.keymap().find(a, ev); b != nil {
		a.react(b.do(a))
		return nil
	}
	a.react(r.typed(a, ev))
	return nil
}

// react does what a handler said should happen.
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
