package tui

import (
	"slices"

	"github.com/ipctop/ipctop/collect/schema"
)

// layout chooses the columns that fit and their widths. A column of text gives way where room is short, and gets what
// is left over; a number is shown whole or not at all. Widths only grow while a table is open, so that columns do not
// jitter.
func (g *grid) layout(width int) {
	t := g.tab
	g.measure()
	g.scarce = false
	g.shown, g.widths = g.shown[:0], g.widths[:0]
	room := width - gutter - 1 // the last cell is for the sign that there is more
	t.first = max(0, min(t.first, len(t.columns)-2))
	columns := g.order(width)
	for i, c := range columns {
		if i > 0 && i <= t.first {
			continue
		}
		w := g.least(c, width)
		need := w + 1
		if g.right = need > room && len(g.shown) > 0; g.right {
			if c.flexible && room > 8 && !g.cut() {
				g.shown, g.widths, room = append(g.shown, c), append(g.widths, room-1), 0
				g.right = i < len(columns)-1
			}
			break
		}
		g.shown, g.widths, room = append(g.shown, c), append(g.widths, w), room-need
	}
	g.left = t.first > 0
	// A name that is cut may be another one's, that of an object as well as that of a process at it.
	g.grow(room, func(c *column) int {
		switch {
		case c.id == refColumn:
			return min(t.widths[c.id], width/4)
		case g.tells(c) && !t.sentence(c):
			return min(t.widths[c.id], c.width)
		}
		return 0
	})
	room = g.rest(width)
	for i, c := range g.shown {
		if t.sentence(c) {
			more := max(0, min(room, t.widths[c.id]-g.widths[i]))
			g.widths[i], room = g.widths[i]+more, room-more
		}
	}
	g.grow(room, func(c *column) int { return min(c.width, t.widths[c.id]) })
	g.grow(g.rest(width), func(c *column) int { return t.widths[c.id] })
}

// order is that of the columns from left to right. Where not all fit, those that tell most come first: who is at an
// object and who waits on it keep their place, as many others stand before them as there is room for, and the rest is
// further right. There also stand columns without a text in any row so far, and permissions.
func (g *grid) order(width int) []*column {
	columns, all := g.tab.columns, width-gutter-1
	total := 0
	for _, c := range columns {
		total += g.least(c, width) + 1
	}
	if total <= all {
		return columns
	}
	g.scarce = true
	room := 0
	for g.short = briefText; ; g.short-- {
		room = all
		for _, c := range columns {
			if g.tells(c) {
				room -= g.brief(c, width) + 1
			}
		}
		if g.short == briefestText || room > g.least(columns[0], width) {
			break
		}
	}
	var shown, later, last []*column
	for i, c := range columns {
		need := g.least(c, width) + 1
		switch {
		case g.tells(c):
			shown = append(shown, c)
		case i == 0:
			shown, room = append(shown, c), room-need
		case c.typ == schema.TypePerms || g.tab.widths[c.id] == 0:
			last = append(last, c)
		case need <= room && len(later) == 0:
			shown, room = append(shown, c), room-need
		default:
			later = append(later, c)
		}
	}
	return slices.Concat(shown, later, last)
}

// tells says whether the column is a telling one of the first kind that there is: columns of later kinds alone (the
// masters and slaves of terminals, beside pipes) do not take the room of those that most rows have.
func (g *grid) tells(c *column) bool {
	if g.tab.sentence(c) {
		return true
	}
	if !c.tells() {
		return false
	}
	for _, m := range g.tab.view.Mechanisms {
		if len(g.tab.snap.Objects[m.Kind]) > 0 {
			_, has := c.byKind[m.Kind]
			return has
		}
	}
	return false
}

// cut says whether a telling column could use more room than it has.
func (g *grid) cut() bool {
	for i, c := range g.shown {
		if g.tells(c) && g.widths[i] < g.tab.widths[c.id] {
			return true
		}
	}
	return false
}

// brief is the width that a telling column has to have where room is short. Words are shown whole; a sentence has the
// most of it.
func (g *grid) brief(c *column, width int) int {
	if g.tab.sentence(c) {
		beside := width - gutter - 2
		for i, other := range g.tab.columns {
			if other != c && (i == 0 || g.tells(other)) {
				beside -= g.least(other, width) + 1
			}
		}
		return max(g.headingWidth(c), min(g.tab.widths[c.id], max(c.width, width/2), beside))
	}
	text := g.short
	if c.typ != schema.TypeEndpoints {
		text = shortText
	}
	return max(g.headingWidth(c), min(g.tab.widths[c.id], text))
}

// headingWidth is the width of a column's heading, with the sort sign.
func (g *grid) headingWidth(c *column) int {
	w := textWidth(c.title)
	if c == g.tab.sortBy {
		w++
	}
	return w
}

// rest is the room that the columns on screen leave.
func (g *grid) rest(width int) int {
	width -= gutter + 1
	for _, w := range g.widths {
		width -= w + 1
	}
	return width
}

// grow gives room to columns of text that want more, a cell at a time, so that none takes it all.
func (g *grid) grow(room int, wants func(*column) int) {
	for given := true; given && room > 0; {
		given = false
		for i, c := range g.shown {
			if c.flexible && room > 0 && g.widths[i] < wants(c) {
				g.widths[i]++
				room--
				given = true
			}
		}
	}
}

// least is the width without which a column is not shown. Branches need room: a third of the screen if they fill it.
func (g *grid) least(c *column, width int) int {
	seen, usual := g.tab.widths[c.id], c.width
	tree := c.id == g.tab.treeColumn()
	if tree {
		usual = max(usual, width/3)
	}
	heading := g.headingWidth(c)
	switch {
	case tree && !(g.scarce && g.tab.sentence(c)):
		return max(heading, min(seen, usual))
	case c.id == refColumn:
		return max(heading, min(seen, longRef))
	case g.scarce && g.tells(c):
		return g.brief(c, width)
	case c.flexible:
		return max(heading, min(seen, usual, shortText))
	}
	return max(heading, seen)
}

// shortText is what a column of text has at least, so that the columns after it have a chance.
const shortText = 12

// briefText is what a column of processes has where not all columns fit, "4242/post…", and briefestText where there
// are many of those.
const (
	briefText    = 10
	briefestText = 7
)

// longRef is room for every Ref with a number; only names are longer, up to 255 bytes, and give way where room is
// short.
const longRef = 20
