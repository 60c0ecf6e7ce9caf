package tui

import (
	"strings"

	"github.com/gdamore/tcell/v2"
	"github.com/rivo/uniseg"
)

// put writes plain text into at most width cells and returns the number of cells used. A longer text ends in "…". The
// text must already be safe: see views.Visible.
func put(screen tcell.Screen, x, y, width int, text string, style tcell.Style) int {
	if width <= 0 {
		return 0
	}
	cut := textWidth(text) > width
	if cut {
		width--
	}
	used := 0
	for text != "" {
		cluster, rest, w := nextCluster(text)
		if used+w > width {
			break
		}
		if w > 0 {
			screen.Put(x+used, y, cluster, style)
			used += w
		}
		text = rest
	}
	if cut {
		screen.SetContent(x+used, y, '…', nil, style)
		used++
	}
	return used
}

// nextCluster cuts off the first grapheme cluster of a text, and returns its width in cells.
func nextCluster(text string) (cluster, rest string, width int) {
	if isASCII(text[0]) && (len(text) == 1 || isASCII(text[1])) {
		return text[:1], text[1:], 1
	}
	cluster, rest, width, _ = uniseg.FirstGraphemeClusterInString(text, -1)
	return cluster, rest, width
}

// isASCII is true for a byte that is a whole cluster of one cell, unless a byte follows that is not ASCII.
func isASCII(b byte) bool { return b >= ' ' && b <= '~' }

// fill paints a part of a line.
func fill(screen tcell.Screen, x, y, width int, style tcell.Style) {
	for i := range width {
		screen.SetContent(x+i, y, ' ', nil, style)
	}
}

// textWidth is the width of a text in cells.
func textWidth(s string) int {
	for i := range len(s) {
		if !isASCII(s[i]) {
			return uniseg.StringWidth(s)
		}
	}
	return len(s)
}

// clip cuts a text to width cells; a cut text ends in "…".
func clip(s string, width int) string {
	if textWidth(s) <= width {
		return s
	}
	if width <= 0 {
		return ""
	}
	var b strings.Builder
	used := 0
	for s != "" {
		cluster, rest, w := nextCluster(s)
		if used+w > width-1 {
			break
		}
		b.WriteString(cluster)
		used += w
		s = rest
	}
	return b.String() + "…"
}

// pad fills a text with blanks up to width cells, on the left if right is true.
func pad(s string, width int, right bool) string {
	n := width - textWidth(s)
	if n <= 0 {
		return s
	}
	if right {
		return strings.Repeat(" ", n) + s
	}
	return s + strings.Repeat(" ", n)
}

// wrap breaks a text at blanks into lines of at most width cells. It breaks longer words anywhere.
func wrap(s string, width int) []string {
	if width < 1 {
		width = 1
	}
	indent := s[:len(s)-len(strings.TrimLeft(s, " "))]
	if textWidth(indent) > width/2 {
		indent = ""
	}
	var lines []string
	line := indent
	empty := true
	for _, word := range strings.Fields(s) {
		for {
			sep := " "
			if empty {
				sep = ""
			}
			if textWidth(line)+textWidth(sep)+textWidth(word) <= width {
				line += sep + word
				empty = false
				break
			}
			if !empty {
				lines, line, empty = append(lines, line), indent, true
				continue
			}
			head, rest := split(word, width-textWidth(indent))
			lines = append(lines, indent+head)
			if word = rest; word == "" {
				line, empty = indent, true
				break
			}
		}
	}
	if !empty || len(lines) == 0 {
		lines = append(lines, line)
	}
	return lines
}

// split cuts off the first grapheme clusters of s that fit into width cells, but at least one.
func split(s string, width int) (head, rest string) {
	used, n := 0, 0
	for text := s; text != ""; {
		cluster, after, w := nextCluster(text)
		if n > 0 && used+w > width {
			break
		}
		used += w
		n += len(cluster)
		text = after
	}
	return s[:n], s[n:]
}

// span is text in one style. Most rooms draw lines of spans.
type span struct {
	text  string
	style tcell.Style
}

// putSpans writes spans one after another and returns the number of cells used.
func putSpans(screen tcell.Screen, x, y, width int, spans ...span) int {
	used := 0
	for _, s := range spans {
		used += put(screen, x+used, y, width-used, s.text, s.style)
	}
	return used
}
