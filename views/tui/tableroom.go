package tui

import (
	"slices"
	"strings"

	"github.com/gdamore/tcell/v2"
	"github.com/rivo/tview"

	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/views"
)

// tableRoom is the table of the current tab.
type tableRoom struct {
	*grid
	app *app
}

func newTableRoom(a *app) *tableRoom { return &tableRoom{grid: newGrid(&a.theme), app: a} }

func (r *tableRoom) fillsBody() bool { return true }

func (r *tableRoom) place(x, y, w, h int) (int, int, int, int) { return x, y, w, h }

func (r *tableRoom) typed(*app, *tcell.EventKey) reaction { return nothing }

// Draw paints the current tab, or the reason why it is empty.
func (r *tableRoom) Draw(screen tcell.Screen) {
	t := r.app.tab()
	r.tab = t
	x, y, w, h := r.GetInnerRect()
	if t.snap == nil {
		put(screen, x+1, y, w-1, "reading …", r.app.theme.dim)
		return
	}
	th := &r.app.theme
	if title := t.headline(); title != "" && h > 4 {
		put(screen, x+1, y, w-1, title, th.strong)
		y, h = y+1, h-1
	}
	below := t.noteLines(h)
	r.SetRect(x, y, w, h-below)
	r.grid.Draw(screen)
	if len(t.rows) == 0 && h > 1 {
		put(screen, x+1, y+1, w-1, t.emptyText(), th.dim)
	}
	text := r.note(w - 2)
	if below == 0 {
		return
	}
	room := max(below, h-1-len(t.rows)) // few rows leave more lines free
	text = cutTo(text, room, w-2)
	for i, line := range text {
		put(screen, x+1, y+h-max(below, len(text))+i, w-1, line, th.dim)
	}
}

// cutTo cuts a text to a number of lines. The last line then tells where the rest is.
func cutTo(text []string, lines, width int) []string {
	const rest = " … (Enter shows all)"
	if len(text) <= lines {
		return text
	}
	text = text[:lines]
	last, room := text[lines-1], max(1, width-textWidth(rest))
	if textWidth(last) > room {
		last = wrap(last, room)[0]
	}
	text[lines-1] = last + rest
	return text
}

// headline is the line above the rows: the restriction, or the totals.
func (t *tab) headline() string {
	if t.related != nil && t.related.waits {
		return t.related.title()
	}
	return t.sums
}

// noteLines is the number of lines kept free below the rows, for a long sentence and the advice.
func (t *tab) noteLines(h int) int {
	if len(t.columns) == 0 || !t.sentence(t.columns[len(t.columns)-1]) || h < 8 {
		return 0
	}
	return min(4, h/4)
}

// note returns the sentence of the row under the cursor if the row cuts it, and the advice.
func (r *tableRoom) note(width int) []string {
	t := r.app.tab()
	o := t.current()
	if o == nil || len(t.columns) == 0 {
		return nil
	}
	var text []string
	c := t.columns[len(t.columns)-1]
	if i := slices.Index(r.shown, c); i < 0 || t.index-t.top >= len(r.texts[c]) ||
		r.texts[c][t.index-t.top].width > r.widths[i] {
		text = wrap(sentences(c.get(o)), width)
	}
	if found := r.app.findingsOn(r.app.subject(o), t.snap); t.view.Alarm(o) && len(found) > 0 {
		text = append(text, wrap("to do: "+views.Visible(found[0].Advice), width)...)
	}
	return text
}

// sentences returns a cell as text to read.
func sentences(v schema.Value) string {
	if v.IsKnown() && v.Type() == schema.TypeList {
		return views.Visible(strings.Join(v.List(), "; "))
	}
	return views.Text(v, views.Format{})
}

// emptyText is the reason for an empty table. Unseen objects and absent objects have different texts.
func (t *tab) emptyText() string {
	switch unseen := len(t.snap.Faults) > 0; {
	case t.related != nil && (t.related.waits || t.related.wait != nil) && len(t.filters()) == 1:
		return t.related.emptyText()
	case len(t.filters()) > 0 && t.counts.total > 0 && t.related == nil:
		return "nothing passes the filter: Esc clears it"
	case t.hideable() && !t.background && t.size() > 0 && unseen:
		return "none that could be seen but " + t.view.Hidden() + ": K shows them, ! lists what could not be seen"
	case t.hideable() && !t.background && t.size() > 0:
		return "none but " + t.view.Hidden() + ": K shows them"
	case unseen:
		return "none that could be seen: ! lists what could not"
	}
	return "there are none"
}

// mouse: a click on a heading sorts. A click on a row puts the cursor there; on the row under the cursor it opens the
// page. The wheel moves the cursor.
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

// columnAt returns the column whose heading is at x.
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
