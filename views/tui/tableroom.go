package tui

import (
	"github.com/gdamore/tcell/v2"
	"github.com/rivo/tview"
)

// tableRoom is the table of the current tab.
type tableRoom struct {
	*grid
	app *app
}

func newTableRoom(a *app) *tableRoom { return &tableRoom{grid: newGrid(&a.theme), app: a} }

func (r *tableRoom) whole() bool { return true }

func (r *tableRoom) place(x, y, w, h int) (int, int, int, int) { return x, y, w, h }

func (r *tableRoom) typed(*app, *tcell.EventKey) reaction { return nothing }

// Draw paints the current tab, or says why there is nothing.
func (r *tableRoom) Draw(screen tcell.Screen) {
	t := r.app.tab()
	r.tab = t
	x, y, w, h := r.GetInnerRect()
	if t.snap == nil {
		put(screen, x+1, y, w-1, "reading …", r.app.theme.dim)
		return
	}
	r.grid.Draw(screen)
	if len(t.rows) == 0 && h > 1 {
		put(screen, x+1, y+1, w-1, t.emptyText(), r.app.theme.dim)
	}
}

// emptyText: what could not be seen is not absent.
func (t *tab) emptyText() string {
	switch unseen := len(t.snap.Faults) > 0; {
	case len(t.filters()) > 0 && t.seen.total > 0 && t.related == nil:
		return "nothing passes the filter: Esc clears it"
	case unseen:
		return "none that could be seen: ! lists what could not"
	}
	return "there are none"
}

// mouse: a click on a heading sorts, on a row puts the cursor there, on the row under the cursor opens it; the wheel moves.
func (r *tableRoom) mouse(a *app, action tview.MouseAction, x, y int) (bool, reaction) {
	t := a.tab()
	if !r.InRect(x, y) || t.snap == nil {
		return false, nothing
	}
	_, top, _, _ := r.GetInnerRect()
	switch action {
	case tview.MouseScrollUp:
		t.move(t.index - 3)
	case tview.MouseScrollDown:
		t.move(t.index + 3)
	case tview.MouseLeftClick, tview.MouseLeftDoubleClick:
		if y == top {
			if c := r.columnAt(x); c != nil {
				return true, sortOn(a, c)
			}
			return true, nothing
		}
		i := t.top + y - top - 1
		if i >= len(t.rows) {
			return true, nothing
		}
		if i == t.index && action == tview.MouseLeftDoubleClick {
			return true, open(a)
		}
		t.move(i)
		t.hold()
	default:
		return false, nothing
	}
	return true, nothing
}

// columnAt is the column whose heading stands at x.
func (r *tableRoom) columnAt(x int) *column {
	left, _, _, _ := r.GetInnerRect()
	left += gutter
	for i, c := range r.shown {
		if left += r.widths[i] + 1; x < left {
			return c
		}
	}
	return nil
}
