package tui

import (
	"fmt"
	"strings"
	"time"

	"github.com/gdamore/tcell/v2"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/views"
)

// footer is a line of state and a line of keys.
type footer struct {
	app   *app
	y     int
	keys  keymap
	spans []extent
}

func (f *footer) lines(height int) int {
	if height < 6 {
		return 0
	}
	return 2
}

func (f *footer) draw(screen tcell.Screen, x, y, w, lines int) {
	f.spans = f.spans[:0]
	if lines < 2 {
		return
	}
	f.state(screen, x, y, w)
	f.y = y + 1
	f.bindings(screen, x, y+1, w)
}

// state shows the filters, the cost of a refresh and the unseen facts. Until the next key it shows the flash instead.
func (f *footer) state(screen tcell.Screen, x, y, w int) {
	a, th := f.app, &f.app.theme
	if a.flash != "" {
		put(screen, x, y, w, a.flash, th.warn)
		return
	}
	var spans []span
	for _, s := range a.tab().filters() {
		spans = append(spans, span{s, th.warn}, span{"  ", th.text})
	}
	if a.snap != nil {
		spans = append(spans, span{a.cost(), th.dim})
		for _, s := range []span{{a.unseen(), th.warn}, {a.notes(), th.text}, {a.costs(), th.dim}} {
			if s.text != "" {
				spans = append(spans, span{"  ", th.text}, s)
			}
		}
	}
	putSpans(screen, x, y, w, spans...)
}

// filters lists in words the filters that hide rows.
func (t *tab) filters() []string {
	var s []string
	if t.related != nil {
		s = append(s, t.related.title())
	}
	if t.filter.text != "" {
		s = append(s, "/"+views.Visible(t.filter.text))
	}
	if t.where != nil {
		s = append(s, "where "+views.Visible(t.where.Source))
		if t.open > 0 {
			s = append(s, fmt.Sprintf("(%d rows undecided: %s not known)", t.open, strings.Join(t.hidden, ", ")))
		}
	}
	if t.user != "" {
		s = append(s, "user "+views.Visible(t.user))
	}
	if t.follow {
		s = append(s, "following "+views.Visible(t.cursor.String()))
	}
	return s
}

func refsText(refs []schema.Ref) string {
	if len(refs) > 3 {
		return fmt.Sprintf("%d objects", len(refs))
	}
	var s []string
	for _, r := range refs {
		s = append(s, views.Visible(r.String()))
	}
	return strings.Join(s, " ")
}

// notes returns the snapshot's notes on objects that were not asked for: "2 other IPC namespaces hold 6 objects (-A)".
func (a *app) notes() string {
	return views.Visible(withKey(strings.Join(a.snap.Notes, "; ")))
}

// withKey replaces the option in a note by the dashboard's key.
func withKey(note string) string { return strings.ReplaceAll(note, "(-A)", "(A)") }

// unseen returns the first fault of the snapshot, and the number of faults.
func (a *app) unseen() string {
	faults := a.snap.Faults
	if len(faults) == 0 {
		return ""
	}
	s := "! "
	if n := len(faults); n > 1 {
		s = fmt.Sprintf("! (%d) ", n)
	}
	return s + views.Visible(faults[0].Says)
}

// cost is the time of the last refresh, the source of its walk over the processes, and its share of the interval, with
// the cost of the watch.
func (a *app) cost() string {
	s := "refresh " + millis(a.snap.Total)
	if source := a.snap.Source; source != "" {
		s += " by " + string(source)
	}
	if a.interval <= 0 || a.paused {
		return s
	}
	share := float64(a.snap.Total) / float64(a.interval+a.snap.Total)
	if w := a.watched; w != nil && !a.snap.Covers(w.Request) {
		s += " watch " + millis(w.Total)
		share += float64(w.Total) / float64(collect.LookAfter(w, watchEvery)+w.Total)
	}
	return s + fmt.Sprintf(" (%.1f%% of the time)", 100*share)
}

// costs lists the parts of the cost; they stand in the space that is left.
func (a *app) costs() string {
	s := ""
	for _, c := range a.snap.Cost {
		s += fmt.Sprintf("%s %s ", c.Part, millis(c.Took))
	}
	return s + "sort " + millis(a.tab().took)
}

func millis(d time.Duration) string {
	if d < 10*time.Millisecond {
		return fmt.Sprintf("%.1fms", d.Seconds()*1e3)
	}
	return fmt.Sprintf("%.0fms", d.Seconds()*1e3)
}

// bindings shows the keys that work now, as many as fit.
func (f *footer) bindings(screen tcell.Screen, x, y, w int) {
	a, th := f.app, &f.app.theme
	f.keys = a.top().keymap()
	used := 0
	for i := range f.keys {
		b := &f.keys[i]
		if b.name == "" || !b.works(a) {
			continue
		}
		key := b.firstKey()
		if used+textWidth(key)+1+textWidth(b.name) > w {
			continue
		}
		from := used
		used += put(screen, x+used, y, w-used, key, th.key)
		used += put(screen, x+used, y, w-used, b.name, th.label)
		f.spans = append(f.spans, extent{x + from, x + used, i})
		used++
	}
}

// at returns the binding at a point.
func (f *footer) at(x, y int) *binding {
	if y != f.y {
		return nil
	}
	if i := find(f.spans, x); i >= 0 {
		return &f.keys[i]
	}
	return nil
}
