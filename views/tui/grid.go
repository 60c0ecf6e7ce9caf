package tui

import (
	"github.com/gdamore/tcell/v2"
	"github.com/rivo/tview"

	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/views"
)

// grid draws a tab's rows. It is a tview.Table over virtual content: only visible cells are made, for any number of
// rows. Each draw first chooses columns and widths; tview only paints.
type grid struct {
	*tview.Table

	tab    *tab
	theme  *theme
	shown  []*column // on screen, in order
	widths []int
	cache  []*tview.TableCell   // the visible cells of this draw
	texts  map[*column][]string // their texts, by line on screen
	left   bool                 // columns are hidden on the left
	right  bool
	scarce bool // not all columns fit
	short  int  // if scarce: the width of important columns
	height int
}

// gutter is the width of the first cell of every line, which holds a mark or a blank.
const gutter = 1

func newGrid(th *theme) *grid {
	g := &grid{Table: tview.NewTable(), theme: th}
	g.SetContent(&gridContent{grid: g})
	g.SetFixed(1, 0).SetSelectable(true, false)
	g.SetBackgroundColor(tcell.ColorDefault)
	g.SetBordersColor(tcell.ColorDefault) // colour of the blanks between columns
	return g
}

// Draw chooses the layout for the space and paints.
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
	v := c.get(r.object)
	if g.tab.sentence(c) {
		return r.branches() + sentences(v)
	}
	s := views.Text(v, views.Format{Now: g.tab.snap.Taken})
	if c.id == g.tab.treeColumn() {
		s = r.branches() + s
	}
	return s
}

// gridContent gives tview the cells.
type gridContent struct {
	tview.TableContentReadOnly
	*grid
}

// GetRowCount includes the heading.
func (g *gridContent) GetRowCount() int { return len(g.tab.rows) + 1 }

// GetColumnCount includes the gutter.
func (g *gridContent) GetColumnCount() int { return len(g.shown) + 1 }

// GetCell makes a cell once per draw. tview asks for a cell at least twice, and writes the cell's position into it.
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
	switch v := col.get(r.object); {
	case marked:
	case v.State() == schema.Denied || v.State() == schema.NotCollected:
		style = g.theme.dim
	case g.tab.view.Alarm(r.object):
		style = g.theme.warn
		if col.id == "status" || col.id == "verdict" {
			style = g.theme.bad
		}
	}
	text := clip(g.texts[col][index-g.tab.top], g.widths[c-1])
	cell := tview.NewTableCell(tview.Escape(text)).SetStyle(style).SetMaxWidth(g.widths[c-1])
	if col.typ.Numeric() {
		cell.SetAlign(tview.AlignRight)
	}
	return cell
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
