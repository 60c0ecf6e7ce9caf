package tui

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gdamore/tcell/v2"
)

// reaction is the work after a handler. Handlers never draw: the screen is drawn after every event.
type reaction uint8

const (
	rearrange reaction = 1 << iota // filter, sort and lay out the current tab again
	demand                         // the screen needs other facts: ask the collector for them
	quit
	nothing reaction = 0
)

// binding declares one key. Dispatch, footer and help all read it.
type binding struct {
	keys   string // separated by blanks; the footer shows the first: "F9 k", "A..Z"
	name   string // one or two words for the footer; "" keeps it out of the footer
	help   string // one sentence
	danger bool   // changes the machine: does not exist in read-only mode
	when   func(*app) bool
	do     func(*app) reaction
	// idle is the reason in one sentence why the key does nothing now, although the binding exists; nil: there is none.
	idle func(*app) string
}

// keymap is a room's bindings in the order of the footer and the help.
type keymap []binding

// works is true if the binding exists and can be used now.
func (b *binding) works(a *app) bool {
	return !(b.danger && a.opts.ReadOnly) && (b.when == nil || b.when(a))
}

// find returns the binding of a key, or nil if none works now. A key's own name comes before a range ("A..Z").
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

// whyIdle is the reason why no binding of a key works now; "": there is none.
func (k keymap) whyIdle(a *app, ev *tcell.EventKey) string {
	name := keyName(ev)
	for i := range k {
		b := &k[i]
		if b.idle != nil && !(b.danger && a.opts.ReadOnly) && slices.Contains(strings.Fields(b.keys), name) {
			return b.idle(a)
		}
	}
	return ""
}

var keyNames = map[tcell.Key]string{
	tcell.KeyEnter: "Enter", tcell.KeyEscape: "Esc", tcell.KeyTab: "Tab", tcell.KeyBacktab: "Shift-Tab",
	tcell.KeyBackspace: "Backspace", tcell.KeyBackspace2: "Backspace", tcell.KeyDelete: "Delete",
	tcell.KeyUp: "Up", tcell.KeyDown: "Down", tcell.KeyLeft: "Left", tcell.KeyRight: "Right",
	tcell.KeyPgUp: "PgUp", tcell.KeyPgDn: "PgDn", tcell.KeyHome: "Home", tcell.KeyEnd: "End",
}

// keyName is a key in the spelling of bindings: "F9", "Ctrl-D", "Space", "k", "K".
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

// keyEvent returns the key event for a name in the spelling of bindings; nil for an unknown name.
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

// firstKey is the key in the footer.
func (b *binding) firstKey() string {
	first, _, _ := strings.Cut(b.keys, " ")
	return first
}
