package tui

import (
	"slices"

	"github.com/ipctop/ipctop/collect/schema"
)

// layout chooses the columns that fit, and their widths. A column of text shrinks if space is short, and gets the space
// that is left over. A number is shown whole or not at all. Widths only grow while a table is open, so columns do not
// jitter.
func (g *grid) layout(width int) {
	t := g.tab
	g.measure()
	g.scarce = false
	g.shown, g.widths = g.shown[:0], g.widths[:0]
	room := width - gutter - 1 // the last cell shows that there is more
	t.first = max(0, min(t.first, len(t.columns)-2))
	columns := g.order(width)
	for i, c := range columns {
		if i > 0 && i <= t.first {
			continue
		}
		w := g.minWidth(c, width)
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
	// A cut name can look like another name. This holds for an object and for a process at it.
	g.grow(room, func(c *column) int {
		switch {
		case c.id == refColumn:
			return min(t.widths[c.id], width/4)
		case g.important(c) && !t.sentence(c):
			return min(t.widths[c.id], c.width)
		}
		return 0
	})
	room = g.spaceLeft(width)
	for i, c := range g.shown {
		if t.sentence(c) {
			more := max(0, min(room, t.widths[c.id]-g.widths[i]))
			g.widths[i], room = g.widths[i]+more, room-more
		}
	}
	g.grow(room, func(c *column) int { return min(c.width, t.widths[c.id]) })
	g.grow(g.spaceLeft(width), func(c *column) int { return t.widths[c.id] })
}

// order returns the columns from left to right. If not all fit, the important columns keep their place: the processes
// at an object and its waiters. As many other columns as fit stand before them; the others follow. Last come
// permissions and columns without a text in any row so far.
func (g *grid) order(width int) []*column {
	columns, all := g.tab.columns, width-gutter-1
	total := 0
	for _, c := range columns {
		total += g.minWidth(c, width) + 1
	}
	if total <= all {
		return columns
	}
	g.scarce = true
	room := 0
	for g.short = shortProcesses; ; g.short-- {
		room = all
		for _, c := range columns {
			if g.important(c) {
				room -= g.shortWidth(c, width) + 1
			}
		}
		if g.short == shortestProcesses || room > g.minWidth(columns[0], width) {
			break
		}
	}
	var shown, later, last []*column
	for i, c := range columns {
		need := g.minWidth(c, width) + 1
		switch {
		case g.important(c):
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

// important is true for an important column that the first kind with objects has. A column of later kinds only must
// not take space from most rows. An example is the masters and slaves of terminals, in a tab that begins with pipes.
func (g *grid) important(c *column) bool {
	if g.tab.sentence(c) {
		return true
	}
	if !c.important() {
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

// cut is true if an important column needs more space than it has.
func (g *grid) cut() bool {
	for i, c := range g.shown {
		if g.important(c) && g.widths[i] < g.tab.widths[c.id] {
			return true
		}
	}
	return false
}

// shortWidth is the least width of an important column if space is short. Words are whole; a sentence gets most of its
// width.
func (g *grid) shortWidth(c *column, width int) int {
	if g.tab.sentence(c) {
		beside := width - gutter - 2
		for i, other := range g.tab.columns {
			if other != c && (i == 0 || g.important(other)) {
				beside -= g.minWidth(other, width) + 1
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

// headingWidth is the width of a column's heading with the sort sign.
func (g *grid) headingWidth(c *column) int {
	w := textWidth(c.title)
	if c == g.tab.sortBy {
		w++
	}
	return w
}

// spaceLeft is the space that the columns on screen leave.
func (g *grid) spaceLeft(width int) int {
	width -= gutter + 1
	for _, w := range g.widths {
		width -= w + 1
	}
	return width
}

// grow gives space to columns of text that want more. It goes round, one cell at a time, so no column takes all.
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

// minWidth is the least width of a column; with less space the column is hidden. Branches need space: up to a third
// of the screen.
func (g *grid) minWidth(c *column, width int) int {
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
	case g.scarce && g.important(c):
		return g.shortWidth(c, width)
	case c.flexible:
		return max(heading, min(seen, usual, shortText))
	}
	return max(heading, seen)
}

// shortText is the least width of a column of text. It leaves space for later columns.
const shortText = 12

// Widths of a column of processes if not all columns fit: shortProcesses ("4242/post…"), or down to shortestProcesses
// if there are many such columns.
const (
	shortProcesses    = 10
	shortestProcesses = 7
)

// longRef is the width of the longest Ref with a number. A Ref with a name may be longer, up to 255 bytes; it is cut if
// space is short.
const longRef = 20
