package tui

import (
	"context"
	"maps"
	"time"

	"github.com/gdamore/tcell/v2"
	"github.com/rivo/tview"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/views"
)

// Source gives snapshots; a *collect.Sampler is one. Only the UI goroutine calls it, and never waits for it.
type Source interface {
	Demand(collect.Request)
	Now()
	SetInterval(time.Duration)
	Pause(bool)
	Snapshots() <-chan *collect.Snapshot
	// Watch asks for a second request at an interval. Its snapshots come from Watched.
	Watch(collect.Request, time.Duration)
	Watched() <-chan *collect.Snapshot
}

// app holds the rooms and the tabs together, and the last snapshots for them.
type app struct {
	opts   Options
	source Source
	tv     *tview.Application
	theme  theme
	rooms  []room // the table is first; the last room has the keyboard

	tabs    []*tab
	current int
	snap    *collect.Snapshot
	asked   collect.Request

	interval time.Duration
	paused   bool
	all      bool              // objects of every namespace
	flash    string            // a line for the person, until the next key
	pressed  rune              // the key in work, for bindings of a range of keys
	held     *collect.Snapshot // a snapshot that came while a dialog was open
	heldLook *collect.Snapshot // the same, from the watch
	watched  *collect.Snapshot // the last snapshot of the watch
	alarm    alarms            // the header's announcement about watched
	work     workers
	crash    crash
}

func newApp(ctx context.Context, opts Options) *app {
	a := &app{work: workers{ctx: ctx, post: make(chan func())}, opts: opts, source: opts.Source,
		tv: tview.NewApplication(), interval: opts.Interval, theme: newTheme(!opts.NoColor)}
	for _, v := range views.Tabs() {
		a.tabs = append(a.tabs, newTab(v))
	}
	a.rooms = []room{newTableRoom(a)}
	a.tv.SetRoot(newLayout(a), true)
	a.tv.SetInputCapture(a.key)
	a.tv.SetBeforeDrawFunc(a.adaptColours)
	return a
}

// adaptColours removes the colours on a screen without colours.
func (a *app) adaptColours(screen tcell.Screen) bool {
	a.theme = newTheme(!a.opts.NoColor && screen.Colors() >= 8)
	return false
}

func (a *app) tab() *tab { return a.tabs[a.current] }

// show changes the tab.
func (a *app) show(i int) reaction {
	if i < 0 || i >= len(a.tabs) {
		return nothing
	}
	a.current = i
	return rearrange
}

// demand asks for the facts of the screen, if they differ from the last request.
func (a *app) demand() {
	req := a.tab().request()
	for _, r := range a.rooms {
		if d, ok := r.(demander); ok {
			req = d.request()
		}
	}
	req.AllNamespaces, req.Grace = a.all, a.opts.Grace
	if req.AllNamespaces == a.asked.AllNamespaces && maps.Equal(req.Want, a.asked.Want) && req.Edges == a.asked.Edges &&
		req.Findings == a.asked.Findings && req.Detail == a.asked.Detail {
		return
	}
	a.asked = req
	a.source.Demand(req)
}

// demander is a room that needs other facts than the table.
type demander interface {
	request() collect.Request
	take(*collect.Snapshot)
}

// take gets a snapshot and passes it to every room and tab that can show it. A tab without facts in the snapshot keeps
// its last one, but forgets many rows when it is not on screen. While a dialog is open, nothing behind it moves: the
// snapshot waits.
func (a *app) take(s *collect.Snapshot) {
	if a.dialogOpen() {
		a.held = s
		return
	}
	a.snap, a.held = s, nil
	for _, t := range a.tabs {
		if s.Covers(t.request()) {
			t.next = s
		}
		if t != a.tab() {
			t.forget()
		}
	}
	for _, r := range a.rooms {
		if d, ok := r.(demander); ok {
			d.take(s)
		}
	}
	if a.tab().next == s {
		a.arrange(a.tab())
	}
}

// dialogOpen is true while a dialog is open. Then nothing behind it may move.
func (a *app) dialogOpen() bool {
	_, typing := a.top().(*prompt)
	return !typing && !a.top().fillsBody()
}

// tabOf returns the index of the tab that shows a kind.
func (a *app) tabOf(k schema.Kind) int {
	for i, t := range a.tabs {
		if t.mechanism(k) != nil {
			return i
		}
	}
	return -1
}

// mechanism returns the mechanism of a kind.
func (a *app) mechanism(k schema.Kind) *kinds.Mechanism {
	if i := a.tabOf(k); i >= 0 {
		return a.tabs[i].mechanism(k)
	}
	return nil
}
