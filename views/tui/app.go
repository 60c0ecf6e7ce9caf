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

// Source gives snapshots: a *collect.Sampler. The dashboard calls it from the UI goroutine only, and never waits for
// it.
type Source interface {
	Demand(collect.Request)
	Now()
	SetInterval(time.Duration)
	Pause(bool)
	Snapshots() <-chan *collect.Snapshot
	// Watch asks for more, taken now and then, which Watched gives.
	Watch(collect.Request, time.Duration)
	Watched() <-chan *collect.Snapshot
}

// app holds the rooms together: which of them are open, what the last snapshot was, and who has to be told.
type app struct {
	opts   Options
	source Source
	tv     *tview.Application
	theme  theme
	rooms  []room // the table first, the one with the keyboard last

	tabs    []*tab
	current int
	snap    *collect.Snapshot
	asked   collect.Request

	interval time.Duration
	paused   bool
	all      bool              // objects of every namespace
	flash    string            // a line for the person, until the next key
	pressed  rune              // the key that is being handled, for bindings of a range of keys
	held     *collect.Snapshot // came while a dialog was open
	heldLook *collect.Snapshot // so did this, of the watch
	watched  *collect.Snapshot // the last one of the watch
	alarm    alarms            // what the header announces of it
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
	a.tv.SetBeforeDrawFunc(a.suit)
	a.tv.EnablePaste(true)
	return a
}

// suit takes the colours away on a screen that has none.
func (a *app) suit(screen tcell.Screen) bool {
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

// demand asks for what is on screen, if that is something else than before.
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

// demander is a room that shows something else than the table.
type demander interface {
	request() collect.Request
	take(*collect.Snapshot)
}

// take gets a snapshot. What it holds goes to those who show it; a tab that is not in it keeps its last one until it
// is asked for. While a dialog is open nothing moves behind it.
func (a *app) take(s *collect.Snapshot) {
	if a.still() {
		a.held = s
		return
	}
	a.snap, a.held = s, nil
	for _, t := range a.tabs {
		if s.Covers(t.request()) {
			t.next = s
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

// still says whether a dialog is open, behind which nothing moves.
func (a *app) still() bool {
	_, typing := a.top().(*prompt)
	return !typing && !a.top().whole()
}

// tabOf finds the tab that shows a kind.
func (a *app) tabOf(k schema.Kind) int {
	for i, t := range a.tabs {
		if t.mechanism(k) != nil {
			return i
		}
	}
	return -1
}

// mechanism finds a kind's mechanism.
func (a *app) mechanism(k schema.Kind) *kinds.Mechanism {
	if i := a.tabOf(k); i >= 0 {
		return a.tabs[i].mechanism(k)
	}
	return nil
}
