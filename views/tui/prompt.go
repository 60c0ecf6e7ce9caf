package tui

import (
	"github.com/gdamore/tcell/v2"
	"github.com/rivo/tview"

	"github.com/ipctop/ipctop/views"
)

// prompt is an input line in the footer's place.
type prompt struct {
	*tview.InputField
	app    *app
	hint   string                  // below the line, unless there is an error
	check  func(text string) error // Enter accepts the text if the result is nil
	live   func(text string)       // called after every change to a right text; may be nil
	accept func(text string) reaction
	cancel func()
	wrong  error
}

func newPrompt(a *app, label, text string) *prompt {
	p := &prompt{InputField: tview.NewInputField(), app: a, check: func(string) error { return nil }, cancel: func() {}}
	p.SetLabel(label).SetText(text)
	p.SetBackgroundColor(tcell.ColorDefault)
	return p
}

func (p *prompt) fillsBody() bool { return false }

func (p *prompt) place(x, y, w, h int) (int, int, int, int) {
	return x, y + h, w, 2
}

// Draw paints the input line, and below it the error.
func (p *prompt) Draw(screen tcell.Screen) {
	x, y, w, _ := p.GetRect()
	th := &p.app.theme
	fill(screen, x, y, w, th.text)
	fill(screen, x, y+1, w, th.text)
	p.SetLabelStyle(th.strong).SetFieldStyle(th.field)
	p.SetRect(x, y, w, 1)
	p.InputField.Draw(screen)
	p.SetRect(x, y, w, 2)
	if p.wrong != nil {
		put(screen, x, y+1, w, views.Visible(p.wrong.Error()), th.bad)
		return
	}
	put(screen, x, y+1, w, p.hint, th.dim)
}

func (p *prompt) keymap() keymap {
	return keymap{
		{keys: "Enter", name: "Take", help: "take it", do: func(a *app) reaction {
			if p.wrong = p.check(p.GetText()); p.wrong != nil {
				return nothing
			}
			a.pop()
			return p.accept(p.GetText()) | demand
		}},
		{keys: "Esc Ctrl-C", name: "Cancel", help: "leave everything as it was", do: func(a *app) reaction {
			a.pop()
			p.cancel()
			return rearrange
		}},
	}
}

// typed edits the text.
func (p *prompt) typed(_ *app, ev *tcell.EventKey) reaction {
	if ev.Key() == tcell.KeyTab || ev.Key() == tcell.KeyBacktab {
		return nothing
	}
	return p.edit(func() { p.InputHandler()(ev, func(tview.Primitive) {}) })
}

func (p *prompt) paste(text string) reaction {
	return p.edit(func() { p.PasteHandler()(text, func(tview.Primitive) {}) })
}

func (p *prompt) edit(change func()) reaction {
	before := p.GetText()
	change()
	text := p.GetText()
	if text == before {
		return nothing
	}
	if p.wrong = p.check(text); p.wrong == nil && p.live != nil {
		p.live(text)
		return rearrange
	}
	return nothing
}

// promptFilter asks for a text. The rows are filtered while the person types.
func promptFilter(a *app) reaction {
	t := a.tab()
	before := t.filter
	p := newPrompt(a, "/", before.text)
	p.hint = "text, or /regular expression/; Enter keeps it, Esc drops it"
	p.check = func(s string) error { _, err := parseFilter(s); return err }
	p.live = func(s string) { t.filter, _ = parseFilter(s) }
	p.accept = func(s string) reaction { p.live(s); return rearrange }
	p.cancel = func() { t.filter = before }
	a.push(p)
	return nothing
}

// promptWhere asks for an expression in the language of --where.
func promptWhere(a *app) reaction {
	t := a.tab()
	text := ""
	if t.where != nil {
		text = t.where.Source
	}
	p := newPrompt(a, "where ", text)
	p.hint = "columns:"
	for _, c := range t.whereColumns() {
		p.hint += " " + c
	}
	p.check = func(s string) error {
		if s == "" {
			return nil
		}
		_, err := views.CompileWhere(t.view.Mechanisms, s)
		return err
	}
	p.accept = func(s string) reaction {
		t.where = nil
		if s != "" {
			t.where, _ = views.CompileWhere(t.view.Mechanisms, s)
		}
		return rearrange
	}
	a.push(p)
	return nothing
}

// whereColumns lists the names for an expression; the columns on screen come first.
func (t *tab) whereColumns() []string {
	var ids []string
	have := map[string]bool{}
	add := func(id string) {
		if !have[id] {
			have[id] = true
			ids = append(ids, id)
		}
	}
	for _, c := range t.columns {
		add(c.id)
	}
	for _, m := range t.view.Mechanisms {
		for _, c := range views.ColumnsOf(m) {
			add(c.ID)
		}
	}
	return ids
}
