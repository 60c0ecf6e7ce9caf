package tui

import "github.com/gdamore/tcell/v2"

// theme holds the styles. It uses the terminal's own sixteen colours and default background, so it fits light and dark
// terminals. Without colour it uses only attributes. Colour is never the only sign: marks, states and limits have
// characters too.
type theme struct {
	text, dim, strong tcell.Style
	title             tcell.Style // the program's line
	tab, tabNow       tcell.Style
	heading, sorted   tcell.Style // column headings
	cursor            tcell.Style
	marked            tcell.Style
	warn, bad         tcell.Style
	key, label        tcell.Style // footer
	box               tcell.Style // border of dialogs
	field             tcell.Style // input
	victim            tcell.Style // who or what a plan is about
}

func newTheme(colour bool) theme {
	d := tcell.StyleDefault
	if !colour {
		return theme{
			text: d, dim: d.Dim(true), strong: d.Bold(true), title: d.Bold(true),
			tab: d, tabNow: d.Reverse(true).Bold(true),
			heading: d.Underline(true), sorted: d.Underline(true).Bold(true),
			cursor: d.Reverse(true), marked: d.Bold(true), warn: d.Bold(true), bad: d.Bold(true),
			key: d.Bold(true), label: d.Reverse(true), box: d, field: d.Underline(true),
			victim: d.Bold(true).Reverse(true),
		}
	}
	return theme{
		text: d, dim: d.Foreground(tcell.ColorGray), strong: d.Bold(true),
		title:   d.Foreground(tcell.ColorTeal).Bold(true),
		tab:     d,
		tabNow:  d.Background(tcell.ColorTeal).Foreground(tcell.ColorBlack),
		heading: d.Background(tcell.ColorGreen).Foreground(tcell.ColorBlack),
		sorted:  d.Background(tcell.ColorTeal).Foreground(tcell.ColorBlack),
		cursor:  d.Background(tcell.ColorTeal).Foreground(tcell.ColorBlack),
		marked:  d.Foreground(tcell.ColorOlive).Bold(true),
		warn:    d.Foreground(tcell.ColorOlive).Bold(true),
		bad:     d.Foreground(tcell.ColorRed).Bold(true),
		key:     d.Bold(true),
		label:   d.Background(tcell.ColorTeal).Foreground(tcell.ColorBlack),
		box:     d.Foreground(tcell.ColorTeal),
		field:   d.Underline(true),
		victim:  d.Foreground(tcell.ColorRed).Bold(true).Reverse(true),
	}
}
