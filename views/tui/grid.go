package tui

import (
	"github.com/gdamore/tcell/v2"
	"github.com/rivo/tview"

	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/views"
)

// grid draws a tab's rows: a tview.Table over virtual content, so that only visible cells are made whatever the number of rows.
// Which columns fit and how wide they are is settled before each draw; tview only paints.
type grid struct {
	*tview.Table

	tab    *tab
	theme  *theme
	shown  []*column // on screen, in order
	widths []int
	cache  []*tview.TableCell   // the visible cells of this draw
	texts  map[*column][]string // what they hold, by line on screen
	left   bool                 // columns are hidden on the left
	right  bool
	height int
}

// gutter is the first cell of every line: a mark, or nothing.
const gutter = 1

func newGrid(th *theme) *grid {
	g := &grid{Table: tview.NewTable(), theme: th}
	g.SetContent(&gridContent{grid: g})
	g.SetFixed(1, 0).SetSelectable(true, false)
	g.SetBackgroundColor(tcell.ColorDefault)
	g.SetBordersColor(tcell.ColorDefault) // of the blanks between columns
	return g
}

// Draw settles the layout for the space there is and paints.
func (g *grid) Draw(screen tcell.Screen) {
	_, _, width, height := g.GetInnerRect()
	if g.tab == nil || width < 2 || height < 1 {
		return
	}
	g.height = height - 1
	g.scroll()
	g.layout(width)
	g.cache = make([]*tview.TableCell, (len(g.shown)+1)*(height+1))
	g.SetSelectedStyle(g.theme.cursor)
	g.Select(g.tab.index+1, 0)
	g.SetOffset(g.tab.top, 0)
	g.Table.Draw(screen)
	g.edges(screen)
}

// scroll keeps the cursor on screen, and the end of the list at the end of the screen.
func (g *grid) scroll() {
	t := g.tab
	t.top = min(t.top, t.index)
	t.top = max(t.top, t.index-g.height+1)
	t.top = max(0, min(t.top, len(t.rows)-g.height))
}

// layout chooses the columns that fit and their widths. A column of text gives way where room is short, and gets what is left over;
// a number is shown whole or not at all. Widths only grow while a table is open, so that columns do not jitter.
func (g *grid) layout(width int) {
	t := g.tab
	g.measure()
	g.shown, g.widths = g.shown[:0], g.widths[:0]
	room := width - gutter - 1 // the last cell is for the sign that there is more
	t.first = max(0, min(t.first, len(t.columns)-2))
	for i, c := range t.columns {
		if i > 0 && i <= t.first {
			continue
		}
		w := g.least(c, width)
		need := w + 1
		if g.right = need > room && len(g.shown) > 0; g.right {
			if c.flexible && room > 8 {
				g.shown, g.widths, room = append(g.shown, c), append(g.widths, room-1), 0
				g.right = i < len(t.columns)-1
			}
			break
		}
		g.shown, g.widths, room = append(g.shown, c), append(g.widths, w), room-need
	}
	g.left = t.first > 0
	g.grow(room, func(c *column) int { return min(c.width, t.widths[c.id]) })
	g.grow(g.rest(width), func(c *column) int { return t.widths[c.id] })
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
	if c.id == treeColumn && g.tab.tree {
		usual = max(usual, width/3)
	}
	heading := textWidth(c.title) + 1 // room for the sort sign
	switch {
	case c.id == treeColumn && g.tab.tree:
		return max(heading, min(seen, usual))
	case c.id == refColumn:
		return max(heading, min(seen, longRef))
	case c.flexible:
		return max(heading, min(seen, usual, shortText))
	}
	return max(heading, seen)
}

// shortText is what a column of text has at least, so that the columns after it have a chance.
const shortText = 12

// longRef is room for every Ref with a number; only names are longer, up to 255 bytes, and give way where room is short.
const longRef = 20

// measure looks at the cells on screen.
func (g *grid) measure() {
	t := g.tab
	g.texts = make(map[*column][]string, len(t.columns))
	end := min(len(t.rows), t.top+g.height)
	for _, c := range t.columns {
		width := t.widths[c.id]
		texts := make([]string, 0, g.height)
		for i := t.top; i < end; i++ {
			s := g.text(&t.rows[i], c)
			texts, width = append(texts, s), max(width, textWidth(s))
		}
		g.texts[c], t.widths[c.id] = texts, width
	}
}

func (g *grid) text(r *row, c *column) string {
	s := views.Text(c.get(r.object), views.Format{Now: g.tab.snap.Taken})
	if c.id == treeColumn {
		s = r.branches() + s
	}
	return s
}

// gridContent is what tview asks for cells.
type gridContent struct {
	tview.TableContentReadOnly
	*grid
}

// GetRowCount counts the heading as well.
func (g *gridContent) GetRowCount() int { return len(g.tab.rows) + 1 }

// GetColumnCount counts the gutter as well.
func (g *gridContent) GetColumnCount() int { return len(g.shown) + 1 }

// GetCell makes a cell when it is first asked for in a draw: tview asks at least twice and writes its position into it.
func (g *gridContent) GetCell(r, c int) *tview.TableCell {
	if r < 0 || c < 0 || c > len(g.shown) || r > len(g.tab.rows) {
		return nil
	}
	slot := r
	if r > 0 {
		slot = r - g.tab.top
	}
	i := slot*(len(g.shown)+1) + c
	if i < 0 || i >= len(g.cache) {
		return tview.NewTableCell("")
	}
	if g.cache[i] == nil {
		if r == 0 {
			g.cache[i] = g.heading(c)
		} else {
			g.cache[i] = g.cell(r-1, c)
		}
	}
	return g.cache[i]
}

func (g *grid) heading(c int) *tview.TableCell {
	if c == 0 {
		return tview.NewTableCell(" ").SetStyle(g.theme.heading).SetTransparency(false).SetSelectable(false)
	}
	col, style := g.shown[c-1], g.theme.heading
	title := col.title
	if col == g.tab.sortBy {
		style = g.theme.sorted
		if g.tab.down {
			title += "▼"
		} else {
			title += "▲"
		}
	}
	title = pad(clip(title, g.widths[c-1]), g.widths[c-1], col.typ.Numeric())
	return tview.NewTableCell(tview.Escape(title)).SetStyle(style).SetTransparency(false).SetSelectable(false)
}

func (g *grid) cell(index, c int) *tview.TableCell {
	r := &g.tab.rows[index]
	marked := g.tab.marks[r.object.Ref]
	style := g.theme.text
	if marked {
		style = g.theme.marked
	}
	if c == 0 {
		sign := " "
		if marked {
			sign = "*"
		}
		return tview.NewTableCell(sign).SetStyle(style)
	}
	col := g.shown[c-1]
	if v := col.get(r.object); !marked && (v.State() == schema.Denied || v.State() == schema.NotCollected) {
		style = g.theme.dim
	}
	text := clip(g.texts[col][index-g.tab.top], g.widths[c-1])
	cell := tview.NewTableCell(tview.Escape(text)).SetStyle(style).SetMaxWidth(g.widths[c-1])
	if col.typ.Numeric() {
		cell.SetAlign(tview.AlignRight)
	}
	return cell
}

// edges paints the heading to the end of its line, with signs where columns are hidden left or right.
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
