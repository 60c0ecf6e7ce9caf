package tui

import (
	"fmt"
	"html"
	"strings"

	"github.com/gdamore/tcell/v2"
)

// Cells in pixels, and the colours of a dark terminal.
const (
	cellWidth, cellHeight  = 8, 18
	pictureBack, pictureFg = "#16181d", "#d7dae0"
)

// palette returns the picture's colour for one of the terminal's sixteen colours.
func palette(c tcell.Color, otherwise string) string {
	switch c {
	case tcell.ColorBlack:
		return "#16181d"
	case tcell.ColorGreen:
		return "#6cbf6c"
	case tcell.ColorTeal:
		return "#56b6c2"
	case tcell.ColorOlive:
		return "#e5c07b"
	case tcell.ColorRed:
		return "#ff6b6b"
	case tcell.ColorGray:
		return "#7f8590"
	}
	if c.Valid() {
		return fmt.Sprintf("#%06x", c.Hex())
	}
	return otherwise
}

// svg draws the cells of a screen: a rectangle for each run of cells with a background, and a text for each run of one
// style.
func svg(s tcell.Screen) string {
	var b strings.Builder
	w, h := s.Size()
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="ui-monospace,'DejaVu `+
		`Sans Mono',Menlo,Consolas,monospace" font-size="13">`+"\n",
		w*cellWidth+16, h*cellHeight+16)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" rx="6" fill="%s"/>`+"\n", pictureBack)
	for y := range h {
		for x := 0; x < w; {
			text, style, n := stretch(s, x, y, w)
			svgStretch(&b, text, style, 8+x*cellWidth, 8+y*cellHeight, n*cellWidth)
			x += n
		}
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// stretch returns the text of one style that starts at x.
func stretch(s tcell.Screen, x, y, w int) (text string, style tcell.Style, n int) {
	_, style, _ = s.Get(x, y)
	var b strings.Builder
	for ; x+n < w; n++ {
		cell, other, _ := s.Get(x+n, y)
		if other != style {
			break
		}
		b.WriteString(cell)
	}
	return b.String(), style, n
}

func svgStretch(b *strings.Builder, text string, style tcell.Style, x, y, width int) {
	fg, bg, attr := style.Decompose()
	front, back := palette(fg, pictureFg), palette(bg, "")
	if attr&tcell.AttrReverse != 0 {
		front, back = palette(bg, pictureBack), palette(fg, pictureFg)
	}
	if back != "" {
		fmt.Fprintf(b, `<rect x="%d" y="%d" width="%d" height="%d" fill="%s"/>`+"\n", x, y, width, cellHeight, back)
	}
	trimmed := strings.Trim(text, " ")
	if trimmed == "" {
		return
	}
	x += cellWidth * (len(text) - len(strings.TrimLeft(text, " ")))
	more := ""
	if attr&tcell.AttrBold != 0 {
		more = ` font-weight="bold"`
	}
	// textLength keeps the columns in line for every font.
	fmt.Fprintf(b, `<text x="%d" y="%d" fill="%s" textLength="%d" lengthAdjust="spacingAndGlyphs" `+
		`xml:space="preserve"%s>%s</text>`+"\n",
		x, y+13, front, textWidth(trimmed)*cellWidth, more, html.EscapeString(trimmed))
}
