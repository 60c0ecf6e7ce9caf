package tui

import (
	"fmt"
	"strings"

	"github.com/gdamore/tcell/v2"
)

// reaction is what should happen after a handler. Handlers never draw: the screen is drawn after every event anyway.
type reaction uint8

const (
	rearrange reaction = 1 << iota // filter, sort and lay out the current tab again
	demand                         // something else is on screen: ask the collector for it
	quit
	nothing reaction = 0
)

// binding is one key's declaration. Dispatch, footer and help all read it.
type binding struct {
	keys   string // separated by blanks, the first one stands in the footer: "F9 k", "A..Z"
	name   string // a word or two, for the footer; "" keeps it out of there
	help   string // one sentence
	danger bool   // changes the machine: does not exist in read-only mode
	when   func(*app) bool
	do     func(*app) reaction
}

// keymap is a room's bindings in the order of the footer and the help.
type keymap []binding

// works says whether the binding exists and can be used now.
func (b *binding) works(a *app) bool {
	return !(b.danger && a.opts.ReadOnly) && (b.when == nil || b.when(a))
}

// find gives the binding of a key, nil if there is none that works now. A key by its own name comes before a range
// ("A..Z").
func (k keymap) find(a *app, ev *tcell.EventKey) *binding {
	name := keyName(ev)
	var ranged *binding
	for i := range k {
		b := &k[i]
		for _, key := range strings.Fields(b.keys) {
			switch from, to, isRange := strings.Cut(key, ".."); {
			case key == name && b.works(a):
				return b
			case isRange && len(name) == 1 && from <= name && name <= to && ranged == nil && b.works(a):
				ranged = b
			}
		}
	}
	return ranged
}

var keyNames = map[tcell.Key]string{
	tcell.KeyEnter: "Enter", tcell.KeyEscape: "Esc", tcell.KeyTab: "Tab", tcell.KeyBacktab: "Shift-Tab",
	tcell.KeyBackspace: "Backspace", tcell.KeyBackspace2: "Backspace", tcell.KeyDelete: "Delete",
	tcell.KeyUp: "Up", tcell.KeyDown: "Down", tcell.KeyLeft: "Left", tcell.KeyRight: "Right",
	tcell.KeyPgUp: "PgUp", tcell.KeyPgDn: "PgDn", tcell.KeyHome: "Home", tcell.KeyEnd: "End",
}

// keyName is a key as bindings spell it: "F9", "Ctrl-D", "Space", "k", "K".
func keyName(ev *tcell.EventKey) string {
	key := ev.Key()
	switch {
	case key == tcell.KeyRune && ev.Modifiers()&tcell.ModAlt != 0:
		return "Alt-" + string(ev.Rune())
	case key == tcell.KeyRune && ev.Rune() == ' ':
		return "Space"
	case key == tcell.KeyRune:
		return string(ev.Rune())
	case key >= tcell.KeyF1 && key <= tcell.KeyF12:
		return fmt.Sprintf("F%d", key-tcell.KeyF1+1)
	}
	if name, ok := keyNames[key]; ok {
		return name
	}
	if key >= tcell.KeyCtrlA && key <= tcell.KeyCtrlZ {
		return "Ctrl-" + string(rune('A'+key-tcell.KeyCtrlA))
	}
	return ev.Name()
}

// keyEvent is the key that bindings spell so; nil: there is none.
func keyEvent(name string) *tcell.EventKey {
	if name == "Space" {
		name = " "
	}
	if runes := []rune(name); len(runes) == 1 {
		return tcell.NewEventKey(tcell.KeyRune, runes[0], tcell.ModNone)
	}
	for key := range tcell.KeyF12 + 1 {
		if ev := tcell.NewEventKey(key, 0, tcell.ModNone); keyName(ev) == name {
			return ev
		}
	}
	return nil
}

// firstKey is the key that the footer names.
func (b *binding) firstKey() string {
	first, _, _ := strings.Cut(b.keys, " ")
	return first
}
