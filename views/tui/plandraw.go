package tui

import (
	"fmt"

	"github.com/gdamore/tcell/v2"
	"github.com/rivo/tview"

	"github.com/ipctop/ipctop/views"
)

func (d *planRoom) fillsBody() bool { return false }

// place makes the box as high as its text, and wide enough to read.
func (d *planRoom) place(x, y, w, h int) (int, int, int, int) {
	width := min(w, 100)
	d.lines(width - 6)
	height := min(h, len(d.items)+3+len(d.question(width-4)))
	return x + (w-width)/2, y + (h-height)/2, width, height
}

func (d *planRoom) lines(width int) {
	var items []item
	for _, t := range d.text {
		for _, line := range wrap(t.text, width) {
			items = append(items, item{skip: true, spans: []span{{line, t.style}}})
		}
	}
	d.set(items)
}

// Draw paints the plan and the question.
func (d *planRoom) Draw(screen tcell.Screen) {
	x, y, w, h := d.GetRect()
	frame(screen, d.theme, x, y, w, h, d.title)
	if w < 4 || h < 3 {
		return
	}
	question := d.question(w - 4)
	asks := max(1, min(len(question)+1, h-2))
	d.paint(screen, x+2, y+1, w-4, h-2-asks)
	line := y + h - 1 - asks
	if asks > len(question) && d.wrong != "" {
		put(screen, x+2, line, w-4, d.wrong, d.theme.bad)
	}
	line = y + h - 2
	switch d.stage {
	case planning, running:
		put(screen, x+2, line, w-4, "…", d.theme.dim)
	case asking:
		put(screen, x+2, line, w-4, fmt.Sprintf("Do it?  y = yes, n or Esc = no%s", d.leftOut()), d.theme.warn)
	case finished:
		put(screen, x+2, line, w-4, "Enter or Esc closes", d.theme.dim)
	case typing:
		d.ask(screen, x+2, line, w-4, question)
	}
}

// leftOut counts the live objects that the person did not confirm.
func (d *planRoom) leftOut() string {
	if n := len(d.live) - len(d.agreed); n > 0 {
		return fmt.Sprintf("   (%d in use left alone)", n)
	}
	return ""
}

// question returns the lines before the input field. The last line leaves room for the field.
func (d *planRoom) question(width int) []string {
	if d.stage != typing {
		return []string{""}
	}
	step := &d.plan.Steps[d.live[d.typedN]]
	label := fmt.Sprintf("%s %s: type %s to go on", clip(views.Visible(step.Ref.String()), 40), step.Use(),
		views.Visible(step.Confirm))
	if len(d.live) > 1 {
		label += fmt.Sprintf(" (%d of %d)", d.typedN+1, len(d.live))
	}
	lines := wrap(label+":", width)
	if room := width - textWidth(lines[len(lines)-1]) - 1; room < min(width, textWidth(step.Confirm)+1) {
		lines = append(lines, "")
	}
	return lines
}

// ask paints the question, with its last line at the field's line.
func (d *planRoom) ask(screen tcell.Screen, x, y, w int, question []string) {
	last := len(question) - 1
	_, top, _, _ := d.GetRect()
	for i, line := range question[:last] {
		if at := y - last + i; at > top {
			put(screen, x, at, w, line, d.theme.warn)
		}
	}
	n := 0
	if question[last] != "" {
		n = put(screen, x, y, w, question[last]+" ", d.theme.warn)
	}
	d.field.SetFieldStyle(d.theme.field)
	d.field.SetBackgroundColor(tcell.ColorDefault)
	d.field.SetRect(x+n, y, w-n, 1)
	d.field.Focus(func(tview.Primitive) {})
	d.field.Draw(screen)
}

func (d *planRoom) keymap() keymap {
	at := func(s stage) func(*app) bool { return func(*app) bool { return d.stage == s } }
	keys := keymap{
		{keys: "y Y", name: "Yes", help: "do it", when: at(asking),
			do: func(*app) reaction { d.run(); return nothing }},
		{keys: "n N q", name: "No", help: "do nothing", when: at(asking), do: closeRoom},
		{keys: "Enter", name: "Go on", help: "take what was typed", when: at(typing), do: d.answer},
		{keys: "Enter Esc q", name: "Close", help: "close", when: at(finished), do: closeRoom},
		{keys: "Esc Ctrl-C", name: "Stop", help: "leave the rest undone", when: at(running), do: func(*app) reaction {
			if d.stop != nil {
				d.stop()
			}
			return nothing
		}},
		{keys: "Esc Ctrl-C", name: "Cancel", help: "do nothing", when: func(*app) bool { return d.stage < running },
			do: closeRoom},
	}
	for _, b := range d.moves() {
		if b.keys == "PgDn Space" {
			page := b
			page.keys = "PgDn"
			page.when = at(typing)
			keys = append(keys, page)
		}
		if b.keys == "PgDn Space" || b.keys == "Home" || b.keys == "End" {
			b.when = func(*app) bool { return d.stage != typing }
		}
		keys = append(keys, b)
	}
	return keys
}

// typed edits the id.
func (d *planRoom) typed(_ *app, ev *tcell.EventKey) reaction {
	if d.stage == typing {
		d.field.InputHandler()(ev, func(tview.Primitive) {})
	}
	return nothing
}
