package tui

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/gdamore/tcell/v2"

	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/views"
)

func hasPrefixFold(s, prefix string) bool {
	s = strings.TrimSpace(s)
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// helpKeys open the help of the current room.
func helpKeys() keymap {
	return keymap{{keys: "F1 ? h", name: "Help", help: "list the keys", do: help}}
}

// help lists the bindings of the top room that exist, even if they cannot be used now.
func help(a *app) reaction {
	keys := a.top().keymap()
	m := newMenu(a, "Keys", nil)
	m.fit = func(width int) []item { return a.helpItems(keys, width) }
	a.push(m)
	return nothing
}

// helpItems writes the bindings in lines of at most width cells. A long help text continues on the lines below.
func (a *app) helpItems(keys keymap, width int) []item {
	left := 0
	for i := range keys {
		left = max(left, textWidth(keysText(keys[i].keys)))
	}
	var items []item
	for i := range keys {
		b := &keys[i]
		if b.danger && a.opts.ReadOnly {
			continue
		}
		style := a.theme.text
		if !b.works(a) {
			style = a.theme.dim
		}
		name := keysText(b.keys)
		for _, line := range wrap(b.help, width-left-2) {
			items = append(items,
				item{skip: true, spans: []span{{pad(name, left, false), a.theme.key}, {"  " + line, style}}})
			name = ""
		}
	}
	return items
}

// keysText spells the keys of a binding for people: "F9 k", "1…9", "A…Z (Shift-letter)".
func keysText(keys string) string {
	if keys == "A..Z" {
		return "Shift-letter"
	}
	return strings.ReplaceAll(keys, "..", "…")
}

// faults lists what the last snapshot could not see, and why. It also lists the notes.
func faults(a *app) reaction {
	var items []item
	add := func(source, says string, style tcell.Style) {
		for _, line := range wrap(views.Visible(says), 66) {
			items = append(items,
				item{skip: true, spans: []span{{pad(source, 10, false) + " ", a.theme.strong}, {line, style}}})
			source = ""
		}
	}
	if a.snap != nil {
		for _, f := range a.snap.Faults {
			style := a.theme.warn
			if f.Denied {
				style = a.theme.text
			}
			add(f.Source, f.Says, style)
		}
		for _, note := range a.snap.Notes {
			add("note", withKey(note), a.theme.text)
		}
	}
	if len(items) == 0 {
		items = []item{{skip: true, spans: []span{{"Everything that was asked for could be read.", a.theme.text}}}}
	}
	a.push(newMenu(a, "Not seen in the last refresh", items))
	return nothing
}

func hasUser(a *app) bool { return a.tab().column(userColumn) != nil && a.tab().snap != nil }

// userMenu lists the users who own the tab's rows.
func userMenu(a *app) reaction {
	t := a.tab()
	c := t.column(userColumn)
	count := map[string]int{}
	for _, o := range t.objects() {
		if v := c.get(o); v.IsKnown() {
			count[v.Str()]++
		}
	}
	var names []string
	for n := range count {
		names = append(names, n)
	}
	slices.Sort(names)
	choose := func(name string) func(*app) reaction {
		return func(a *app) reaction {
			a.pop()
			a.tab().user = name
			return rearrange
		}
	}
	items := []item{{spans: []span{{"everybody", a.theme.text}}, do: choose("")}}
	for _, n := range names {
		items = append(items, item{spans: []span{{pad(clip(views.Visible(n), 32), 16, false), a.theme.text},
			{fmt.Sprintf(" %5d", count[n]), a.theme.dim}}, do: choose(n)})
	}
	m := newMenu(a, "Show processes of", items)
	m.jump = true
	m.index = slices.Index(names, t.user) + 1
	a.push(m)
	return nothing
}

// showJSON shows an object in the JSON of --once -o json.
func showJSON(a *app, o *schema.Object) reaction {
	m := a.mechanism(o.Ref.Kind)
	if m == nil {
		return nothing
	}
	var text bytes.Buffer
	if err := json.Indent(&text, views.AppendObject(nil, o, views.RecordColumns(m)), "", "  "); err != nil {
		a.flash = views.Visible(err.Error())
		return nothing
	}
	var items []item
	for line := range strings.Lines(text.String()) {
		items = append(items, item{skip: true,
			spans: []span{{views.Visible(strings.TrimRight(line, "\n")), a.theme.text}}})
	}
	a.push(newMenu(a, views.Visible(o.Ref.String()), items))
	return nothing
}
