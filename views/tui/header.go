package tui

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gdamore/tcell/v2"

	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/views"
)

// header shows the machine, the time, and the totals against the kernel's limits.
type header struct{ app *app }

// draw returns the number of lines used: one on a low screen, otherwise two or three. An announcement of deadlocks
// takes one line more.
func (h *header) draw(screen tcell.Screen, x, y, w, height int) int {
	th := &h.app.theme
	right := h.counts()
	room := w - textWidth(right) - 1
	if room < 12 {
		right, room = "", w
	}
	putSpans(screen, x, y, room, h.machine()...)
	put(screen, x+w-textWidth(right), y, w, right, th.strong)
	lines := 1
	if critical := h.app.alarm.critical; critical != "" && height >= 8 {
		put(screen, x, y+1, w, "! "+critical, th.bad)
		lines++
	}
	if height < 14 {
		return lines
	}
	return lines + h.limits(screen, x, y+lines, w)
}

// limits returns the number of lines used, two at most.
func (h *header) limits(screen tcell.Screen, x, y, w int) int {
	th := &h.app.theme
	lines, used := 0, 0
	for _, g := range h.gauges() {
		n := textWidth(g.text) + 3
		if used > 0 && used+n-3 > w {
			if lines == 1 {
				break
			}
			lines, used = lines+1, 0
		}
		if used > 0 {
			put(screen, x+used-3, y+lines, 3, " · ", th.dim)
		}
		put(screen, x+used, y+lines, w-used, g.text, g.style)
		used += n
	}
	return lines + 1
}

func (h *header) machine() []span {
	a, th := h.app, &h.app.theme
	spans := []span{{"ipctop", th.title}}
	add := func(s string, style tcell.Style) { spans = append(spans, span{" ", th.text}, span{s, style}) }
	if a.paused {
		add("PAUSED", th.warn)
	}
	if a.opts.ReadOnly {
		add("read-only", th.warn)
	}
	if a.snap == nil {
		add("reading …", th.dim)
		return spans
	}
	add(views.Visible(a.snap.Host), th.strong)
	add(a.snap.Taken.Format(time.TimeOnly), th.text)
	add("every "+interval(a.interval), th.dim)
	if others := a.alarm.others; others != "" {
		add("! "+others, th.warn)
	}
	return spans
}

func interval(d time.Duration) string {
	return strings.TrimSuffix(fmt.Sprintf("%.1f", d.Seconds()), ".0") + "s"
}

// counts returns the numbers of all rows, marked rows and rows that a filter hides.
func (h *header) counts() string {
	t := h.app.tab()
	if t.snap == nil {
		return ""
	}
	s := fmt.Sprintf("%d shown", len(t.rows))
	if t.counts.hidden > 0 {
		s = fmt.Sprintf("%d of %d shown", t.counts.total-t.counts.hidden, t.counts.total)
	}
	if t.counts.marked > 0 {
		s += fmt.Sprintf(", %d marked", t.counts.marked)
	}
	others := 0
	for _, other := range h.app.tabs {
		others += len(other.marks)
	}
	if others -= len(t.marks); others > 0 {
		s += fmt.Sprintf(", %d marked in other tabs", others)
	}
	return s
}

// gauges shows totals against limits, with "!" from nine tenths on.
func (h *header) gauges() []span {
	a := h.app
	if a.snap == nil {
		return nil
	}
	var spans []span
	for _, g := range a.snap.Gauges {
		style, sign := a.theme.text, ""
		if g.Limit > 0 && g.Used >= g.Limit-g.Limit/10 {
			style, sign = a.theme.bad, "!"
		}
		s := g.What + " " + amount(g.Used, g.Type)
		if g.Limit > 0 {
			s += "/" + amount(g.Limit, g.Type)
		}
		spans = append(spans, span{s + sign, style})
	}
	return spans
}

func amount(n uint64, t schema.Type) string {
	switch {
	case n >= 1<<62:
		return "∞"
	case t == schema.TypeBytes:
		return views.Size(n)
	}
	return fmt.Sprint(n)
}

// tabBar is the line of tabs.
type tabBar struct {
	app   *app
	y     int
	spans []extent
}

// extent is the place of a clickable thing on its line.
type extent struct{ from, to, what int }

func (b *tabBar) draw(screen tcell.Screen, x, y, w int) int {
	th := &b.app.theme
	b.y, b.spans = y, b.spans[:0]
	used := 0
	for i, name := range b.names(w) {
		style := th.tab
		if i == b.app.current {
			style = th.tabNow
		}
		n := put(screen, x+used, y, w-used, name, style)
		b.spans = append(b.spans, extent{x + used, x + used + n, i})
		used += n + 1
	}
	return 1
}

// names shortens the names of all tabs but the current one until they fit. If they still do not fit, only numbers stay.
func (b *tabBar) names(w int) []string {
	a := b.app
	names := make([]string, len(a.tabs))
	for longest := 16; longest >= 0; longest-- {
		total := -1
		for i, t := range a.tabs {
			switch title := t.view.Title(); {
			case i == a.current:
				names[i] = fmt.Sprintf("[%s %s]", a.tabKey(i), title)
			case longest < 3:
				names[i] = a.tabKey(i)
			default:
				names[i] = a.tabKey(i) + " " + shorten(title, longest)
			}
			total += textWidth(names[i]) + 1
		}
		if total <= w {
			break
		}
	}
	return names
}

// shorten cuts a name to width cells. In four cells or less it gives up the sign "…": one more letter tells more.
func shorten(name string, width int) string {
	if width > 4 {
		return clip(name, width)
	}
	head, _ := split(name, width)
	return head
}

// at returns the tab at a point, or -1.
func (b *tabBar) at(x, y int) int {
	if y != b.y {
		return -1
	}
	return find(b.spans, x)
}

func find(spans []extent, x int) int {
	for _, s := range spans {
		if x >= s.from && x < s.to {
			return s.what
		}
	}
	return -1
}

// tabKey is the key that shows a tab. The tenth tab has 0; later tabs have the first letter of their names.
func (a *app) tabKey(i int) string {
	if i < 10 {
		return strconv.Itoa((i + 1) % 10)
	}
	return a.tabs[i].view.Title()[:1]
}
