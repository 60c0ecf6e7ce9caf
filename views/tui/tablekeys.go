package tui

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ipctop/ipctop/collect/schema"
)

// keymap lists the keys of the table.
func (r *tableRoom) keymap() keymap {
	hasRows := func(a *app) bool { return a.tab().current() != nil }
	isTree := func(a *app) bool { return a.tab().parent() != nil }
	inTree := func(a *app) bool { return isTree(a) && a.tab().tree }
	own := keymap{
		{keys: "Enter", name: "Open", help: "open the object's page", when: hasRows, do: open},
		{keys: "/ F3", name: "Filter", help: "show rows that hold a text, or match a /regex/", do: promptFilter},
		{keys: "F4 \\", name: "Where",
			help: "show rows for which an expression holds: rss > 1024 * 1024 and user == \"root\"", do: promptWhere},
		{keys: "Space", name: "Mark", help: "mark or unmark the row and go to the next", when: hasRows, do: mark},
		{keys: "U", help: "take all marks away, in the other tabs too", do: unmark},
		{keys: "> .", name: "Sort", help: "sort by the next column",
			do: func(a *app) reaction { return sortNext(a, 1) }},
		{keys: "< ,", help: "sort by the column before", do: func(a *app) reaction { return sortNext(a, -1) }},
		{keys: "I", help: "turn the order round", do: invert},
		{keys: "A..Z", help: "sort by the next column whose heading starts with the letter", do: sortLetter},
		{keys: "t F5", name: "Tree", help: "show the tree, or a flat list", when: isTree, do: toggleTree},
		{keys: "*", name: "Fold", help: "fold or unfold the branch", when: inTree, do: fold},
		{keys: "u", name: "User", help: "show one user's processes", when: hasUser, do: userMenu},
		{keys: "F", name: "Follow", help: "follow the object: unfold what hides it, and say when it is gone",
			when: hasRows,
			do:   follow},
		{keys: "K", help: "show or hide " + r.app.tab().view.Hidden(),
			when: func(a *app) bool { return a.tab().hideable() },
			do:   toggleBackground},
		{keys: "o", name: "Holders", help: holdersHelp(r.app.tab()),
			when: func(a *app) bool { return hasRows(a) && a.tab().mechanism(schema.Proc) == nil }, do: holders},
		{keys: "Backspace", name: "Back", help: "back to where the holders or waits were asked for",
			when: func(a *app) bool { return a.tab().related != nil }, do: back},
		{keys: "Esc", help: "take the filters away; back from holders and waits", do: clearFilters},
		{keys: "y", help: "show the object as JSON", when: hasRows,
			do: func(a *app) reaction { return showJSON(a, a.tab().current()) }},
		{keys: "Ctrl-W", help: "show all columns, or the usual ones", do: wide},
		{keys: "Right", help: "columns further right", do: func(a *app) reaction { return scrollColumns(a, 1) }},
		{keys: "Left", help: "columns further left", do: func(a *app) reaction { return scrollColumns(a, -1) }},
		{keys: "Up", help: "one row up", do: func(a *app) reaction { return step(a, -1) }},
		{keys: "Down", help: "one row down", do: func(a *app) reaction { return step(a, 1) }},
		{keys: "PgUp", help: "a screen up", do: func(a *app) reaction { return step(a, -max(1, r.height)) }},
		{keys: "PgDn", help: "a screen down", do: func(a *app) reaction { return step(a, max(1, r.height)) }},
		{keys: "Home", help: "first row; the cursor stays there whatever comes first",
			do: func(a *app) reaction { return step(a, -len(a.tab().rows)) }},
		{keys: "End", help: "last row", do: func(a *app) reaction { return step(a, len(a.tab().rows)) }},
	}
	return slices.Concat(helpKeys(), own[:1], r.actionKeys(), own[1:], markKeys(), everywhere(r.app))
}

// everywhere lists the keys of every room that fills the body: tables and pages.
func everywhere(a *app) keymap {
	return append(tabKeys(a), keymap{
		{keys: "q F10 Ctrl-C", name: "Quit", help: "quit", do: func(*app) reaction { return quit }},
		{keys: "Ctrl-R", help: "refresh now", do: func(a *app) reaction { a.source.Now(); return nothing }},
		{keys: "A", help: "show the objects of every namespace that can be entered, or of this one",
			do: everyNamespace},
		{keys: "Z", name: "Pause", help: "pause or resume refreshing", do: pause},
		{keys: "+", help: "refresh less often", do: func(a *app) reaction { return setInterval(a, 1) }},
		{keys: "-", help: "refresh more often", do: func(a *app) reaction { return setInterval(a, -1) }},
		{keys: "Ctrl-Z", help: "stop, back to the shell; fg continues",
			when: func(a *app) bool { return a.opts.Screen == nil }, do: suspend},
		{keys: "z", name: "Undo", help: "make again what was removed last, or set old values again: " +
			"shows a plan and asks", danger: true,
			when: func(a *app) bool { return a.opts.Planner != nil }, do: undo},
		{keys: "J", help: "what was done with ipctop: who, when, by which plan, and how it ended",
			when: func(a *app) bool { return a.opts.Planner != nil }, do: journal},
		{keys: "!", help: "list what could not be seen, and why", do: faults},
	}...)
}

// tabKeys show a tab: a number for the first ten, the first letter for the others.
func tabKeys(a *app) keymap {
	to := func(i func(*app) int) func(*app) reaction {
		return func(a *app) reaction { a.home(); return a.show(i(a)) }
	}
	keys := keymap{
		{keys: "Tab", help: "next tab", do: to(func(a *app) int { return (a.current + 1) % len(a.tabs) })},
		{keys: "Shift-Tab", help: "tab before",
			do: to(func(a *app) int { return (a.current + len(a.tabs) - 1) % len(a.tabs) })},
		{keys: "1..9 0", help: "tab of that number; 0 is the tenth",
			do: to(func(a *app) int { return int(a.pressed-'0'+9) % 10 })},
	}
	for i := 10; i < len(a.tabs); i++ {
		keys = append(keys, binding{keys: a.tabKey(i), help: "tab " + a.tabs[i].view.Title() + ", all of it",
			do: to(func(a *app) int {
				for a.tabs[i].related != nil {
					a.tabs[i].lift()
				}
				return i
			})})
	}
	return keys
}

func step(a *app, n int) reaction {
	t := a.tab()
	t.follow = false
	t.move(t.index + n)
	return nothing
}

func mark(a *app) reaction {
	t := a.tab()
	r := t.current().Ref
	if t.marks[r] {
		delete(t.marks, r)
	} else {
		t.marks[r] = true
	}
	t.move(t.index + 1)
	t.countMarks()
	return nothing
}

func unmark(a *app) reaction {
	for _, t := range a.tabs {
		clear(t.marks)
		t.countMarks()
	}
	return nothing
}

// sortOn sorts by a column, or turns the order if the column is the sort column.
func sortOn(a *app, c *column) reaction {
	t := a.tab()
	if t.sortBy == c {
		return invert(a)
	}
	t.sortBy, t.down = c, c.downFirst()
	return rearrange
}

func sortNext(a *app, n int) reaction {
	t := a.tab()
	i := slices.Index(t.columns, t.sortBy) // -1 means the collector's order
	if i < 0 && n < 0 {
		i = len(t.columns)
	}
	return sortOn(a, t.columns[(i+n+len(t.columns))%len(t.columns)])
}

func invert(a *app) reaction {
	t := a.tab()
	if t.sortBy == nil {
		t.sortBy = t.columns[0]
	}
	t.down = !t.down
	return rearrange
}

func sortLetter(a *app) reaction {
	t := a.tab()
	from := slices.Index(t.columns, t.sortBy)
	for i := range t.columns {
		c := t.columns[(from+1+i+len(t.columns))%len(t.columns)]
		if strings.HasPrefix(strings.TrimLeft(c.title, "%"), string(a.pressed)) {
			return sortOn(a, c)
		}
	}
	a.flash = fmt.Sprintf("no heading starts with %c", a.pressed)
	return nothing
}

func toggleTree(a *app) reaction {
	t := a.tab()
	t.tree = !t.tree
	t.placeTree()
	return rearrange
}

func fold(a *app) reaction {
	t := a.tab()
	if o := t.current(); o != nil {
		t.hold()
		if t.folded[o.Ref] {
			delete(t.folded, o.Ref)
		} else {
			t.folded[o.Ref] = true
		}
	}
	return rearrange
}

func follow(a *app) reaction {
	t := a.tab()
	t.follow = !t.follow
	t.hold()
	return rearrange
}

func toggleBackground(a *app) reaction {
	a.tab().background = !a.tab().background
	return rearrange
}

// clearFilters removes one filter at a time, like Esc closes one room.
func clearFilters(a *app) reaction {
	t := a.tab()
	switch {
	case t.filter.text != "" || t.where != nil || t.user != "":
		t.filter, t.where, t.user = textFilter{}, nil, ""
	case t.related != nil:
		return back(a)
	case t.follow:
		t.follow = false
	}
	return rearrange
}

func wide(a *app) reaction {
	a.tab().setWide(!a.tab().wide)
	return rearrange
}

func scrollColumns(a *app, n int) reaction {
	t := a.tab()
	t.first = max(0, min(t.first+n, len(t.columns)-2))
	return nothing
}

func holdersHelp(t *tab) string {
	if t.mechanism(schema.Wait) != nil {
		return "show the processes that could end the marked waits or the one under the cursor"
	}
	return "show the processes at the marked objects or the one under the cursor"
}

// holders shows the processes at the targets in the tab of processes. For waits it shows the processes that could end
// them.
func holders(a *app) reaction {
	t := a.tab()
	to := a.tabOf(schema.Proc)
	if to < 0 || to == a.current {
		return nothing
	}
	p := a.tabs[to]
	p.related = &related{refs: t.targets(), back: a.current, wait: t.mechanism(schema.Wait), before: p.related,
		cursor: p.cursor, index: p.index}
	p.filter, p.where, p.user, p.next, p.snap = textFilter{}, nil, "", nil, nil
	p.turn++
	t.hold()
	return a.show(to)
}

func pause(a *app) reaction {
	a.paused = !a.paused
	a.source.Pause(a.paused)
	return nothing
}

// intervals lists the steps of "+" and "-".
func intervals() []time.Duration {
	return []time.Duration{200 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second,
		3 * time.Second, 5 * time.Second,
		10 * time.Second, 15 * time.Second, 30 * time.Second, time.Minute}
}

func setInterval(a *app, n int) reaction {
	all := intervals()
	i, exact := slices.BinarySearch(all, a.interval)
	if n > 0 && !exact {
		n-- // i is the place of the next longer interval
	}
	a.interval = all[max(0, min(i+n, len(all)-1))]
	a.source.SetInterval(a.interval)
	a.flash = "refresh every " + interval(a.interval)
	return nothing
}
