package tui

import (
	"github.com/gdamore/tcell/v2"
	"github.com/rivo/tview"

	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/views"
)

// grid draws a tab's rows. It makes only the visible cells, for any number of rows.
type grid struct {
	*tview.Box

	tab    *tab
	theme  *theme
	shown  []*column // on screen, in order
	widths []int
	texts  map[*column][]shownCell // of every column, by line on screen
	left   bool                    // columns are hidden on the left
	right  bool
	scarce bool // not all columns fit
	short  int  // if scarce: the width of important columns
	height int
}

// shownCell is a cell of a row on screen.
type shownCell struct {
	text   string
	width  int
	unseen bool // denied, or not collected
}

// gutter is the width of the first cell of every line, which holds a mark or a blank.
const gutter = 1

func newGrid(th *theme) *grid { return &grid{Box: tview.NewBox(), theme: th} }

// Draw chooses the layout for the space and paints.
func (g *grid) Draw(screen tcell.Screen) {
	x, y, width, height := g.GetInnerRect()
	if g.tab == nil || width < 2 || height < 1 {
		return
	}
	g.height = height - 1
	g.scroll()
	g.layout(width)
	g.paint(screen, x, y, width, height)
	g.edges(screen)
}

// scroll keeps the cursor on screen, and leaves no empty lines below the end of the list.
func (g *grid) scroll() {
	t := g.tab
	t.top = min(t.top, t.index)
	t.top = max(t.top, t.index-g.height+1)
	t.top = max(0, min(t.top, len(t.rows)-g.height))
}

// measure reads the cells on screen.
func (g *grid) measure() {
	t := g.tab
	g.texts = make(map[*column][]shownCell, len(t.columns))
	end := min(len(t.rows), t.top+g.height)
	for _, c := range t.columns {
		width := t.widths[c.id]
		cells := make([]shownCell, 0, g.height)
		for i := t.top; i < end; i++ {
			cell := g.cell(&t.rows[i], c)
			cells, width = append(cells, cell), max(width, cell.width)
		}
		g.texts[c], t.widths[c.id] = cells, width
	}
}

func (g *grid) cell(r *row, c *column) shownCell {
	v := c.get(r.object)
	s, unseen := "", v.State() == schema.Denied || v.State() == schema.NotCollected
	if g.tab.sentence(c) {
		s = r.branches() + sentences(v)
	} else {
		s = views.Text(v, views.Format{Now: g.tab.snap.Taken})
		if c.id == g.tab.treeColumn() {
			s = r.branches() + s
		}
	}
	return shownCell{s, textWidth(s), unseen}
}

// paint draws the heading and the rows.
func (g *grid) paint(screen tcell.Screen, x, y, width, height int) {
	used := gutter + 1
	fill(screen, x, y, gutter, g.theme.heading)
	for i, c := range g.shown {
		text, style := g.heading(c)
		put(screen, x+used, y, width-used, pad(clip(text, g.widths[i]), g.widths[i], c.typ.Numeric()), style)
		used += g.widths[i] + 1
	}
	end := min(len(g.tab.rows), g.tab.top+height-1)
	for i := g.tab.top; i < end; i++ {
		g.row(screen, i, x, y+1+i-g.tab.top, width)
	}
}

// heading is the text of a column's heading, with the sign of the order.
func (g *grid) heading(c *column) (string, tcell.Style) {
	switch {
	case c != g.tab.sortBy:
		return c.title, g.theme.heading
	case g.tab.down:
		return c.title + "▼", g.theme.sorted
	}
	return c.title + "▲", g.theme.sorted
}

// row draws a row: its mark, and its cells with a blank behind each.
func (g *grid) row(screen tcell.Screen, index, x, y, width int) {
	r := &g.tab.rows[index]
	marked, alarm := g.tab.marks[r.object.Ref], g.tab.view.Alarm(r.object)
	if index == g.tab.index {
		used := gutter + 1
		for _, w := range g.widths {
			used += w + 1
		}
		fill(screen, x, y, min(used, width), g.theme.cursor)
	}
	style := func(s tcell.Style) tcell.Style {
		if index == g.tab.index {
			return under(g.theme.cursor, s)
		}
		return s
	}
	if marked {
		put(screen, x, y, gutter, "*", style(g.theme.marked))
	}
	used := gutter + 1
	for i, c := range g.shown {
		cell := &g.texts[c][index-g.tab.top]
		room := min(g.widths[i], width-used)
		text, at := cell.text, x+used
		if cell.width > room {
			text = clip(text, room)
		}
		if c.typ.Numeric() {
			at += max(0, room-min(room, cell.width))
		}
		put(screen, at, y, room, text, style(g.cellStyle(c, cell, marked, alarm)))
		used += g.widths[i] + 1
	}
}

// under is the style of a cell below the cursor. It keeps the attributes of the cell if the cursor has a colour.
func under(cursor, cell tcell.Style) tcell.Style {
	if _, _, attributes := cursor.Decompose(); attributes != tcell.AttrNone {
		return cursor
	}
	_, _, attributes := cell.Decompose()
	return cursor.Attributes(attributes)
}

// cellStyle is the style of a cell in a row that is not under the cursor.
func (g *grid) cellStyle(c *column, cell *shownCell, marked, alarm bool) tcell.Style {
	switch {
	case marked:
		return g.theme.marked
	case cell.unseen:
		return g.theme.dim
	case alarm && (c.id == "status" || c.id == "verdict"):
		return g.theme.bad
	case alarm:
		return g.theme.warn
	}
	return g.theme.text
}

// edges paints the heading to the end of its line, with a sign on each side that hides columns.
func (g *grid) edges(screen tcell.Screen) {
	x, y, width, _ := g.GetInnerRect()
	used := gutter
	for i := range g.shown {
		screen.SetContent(x+used, y, ' ', nil, g.theme.heading)
		used += 1 + g.widths[i]
	}
	if used < width {
		fill(screen, x+used, y, width-used, g.theme.heading)
	}
	if g.left {
		put(screen, x, y, 1, "<", g.theme.heading.Bold(true))
	}
	if g.right {
		put(screen, x+width-1, y, 1, ">", g.theme.heading.Bold(true))
	}
}
