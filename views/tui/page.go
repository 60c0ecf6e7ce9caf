package tui

import (
	"slices"

	"github.com/gdamore/tcell/v2"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/views"
)

// page shows all about one object: every field, and every relation.
type page struct {
	list
	app    *app
	ref    schema.Ref
	object *schema.Object
	edges  []schema.Edge // relations of this object
	snap   *collect.Snapshot
	gone   bool // the object is not in the last snapshot
	width  int
}

// open shows the page of the object under the cursor.
func open(a *app) reaction {
	o := a.tab().current()
	a.tab().hold()
	return a.visit(o.Ref, o)
}

// visit opens an object's page on top of the stack. o is the object as known so far, or nil.
func (a *app) visit(r schema.Ref, o *schema.Object) reaction {
	p := &page{list: newList(&a.theme), app: a, ref: r, object: o, snap: a.snap}
	a.push(p)
	return demand
}

func (p *page) fillsBody() bool { return true }

func (p *page) place(x, y, w, h int) (int, int, int, int) { return x, y, w, h }

func (p *page) typed(*app, *tcell.EventKey) reaction { return nothing }

// request asks for everything about this object and its relations. Any mechanism may have objects that a process holds,
// so the request names all.
func (p *page) request() collect.Request {
	req := collect.Request{Want: map[schema.Kind]schema.Need{}, Edges: true, Gauges: true, Detail: p.ref}
	for _, t := range p.app.tabs {
		for _, m := range t.view.Mechanisms {
			switch {
			case m.Kind == p.ref.Kind:
				req.Want[m.Kind] = m.NeedsOf(visibleIDs(m))
				req.Findings = m.Kind == schema.Wait || views.HasVerdicts(m)
			case p.ref.Kind == schema.Proc || m.Kind == schema.Proc:
				req.Want[m.Kind] = 0
			}
		}
	}
	return req
}

// take finds the object in a new snapshot. It ignores a snapshot for another page, which has fewer facts of this
// object.
func (p *page) take(s *collect.Snapshot) {
	if !s.Covers(p.request()) {
		return
	}
	o := s.Find(p.ref)
	if p.gone = o == nil; p.gone {
		return // keep the last facts of it, and of the processes at it, on screen
	}
	p.object, p.snap = o, s
	p.edges = slices.Clone(slices.Collect(func(yield func(schema.Edge) bool) {
		for _, e := range s.Edges {
			if (e.From == p.ref || e.To == p.ref) && !yield(e) {
				return
			}
		}
	}))
}

// Draw paints the title, the lines, and the note on the line under the cursor.
func (p *page) Draw(screen tcell.Screen) {
	x, y, w, h := p.GetRect()
	th := p.theme
	title := []span{{views.Visible(p.ref.String()), th.title}, {"  " + p.label(), th.strong}}
	if p.gone {
		title = append(title, span{"  GONE: as it was last seen", th.bad})
	}
	putSpans(screen, x, y, w, title...)
	if p.object == nil {
		why := "reading …"
		if p.gone {
			why = "this object is gone"
		}
		put(screen, x, y+1, w, why, th.dim)
		return
	}
	p.width = w
	p.set(p.build())
	notes := 0
	if h > 8 {
		notes = 1
		if p.index < len(p.items) {
			put(screen, x, y+h-1, w, p.items[p.index].note, th.dim)
		}
	}
	p.paint(screen, x, y+1, w, h-1-notes)
}

func (p *page) label() string {
	m := p.app.mechanism(p.ref.Kind)
	if m == nil || p.object == nil {
		return ""
	}
	return views.Visible(m.NamedLabel(p.object))
}

// The headings of a page. Left and Right go to the last two.
const (
	sectionFindings = "What is wrong"
	sectionFields   = "Fields"
	sectionLinks    = "Hangs together with"
)

// jump puts a heading on the first line and the cursor below it.
func (p *page) jump(heading string) {
	for i := range p.items {
		if p.items[i].key == heading {
			p.index, p.top = i, i
			p.settle(1)
		}
	}
}

func (p *page) keymap() keymap {
	has := func(*app) bool { return p.object != nil }
	own := keymap{
		{keys: "Enter", name: "Follow", help: "go to the object on this line",
			when: func(*app) bool { return p.index < len(p.items) && p.items[p.index].do != nil }, do: p.enter},
		{keys: "Right", name: "Links", help: "to what it hangs together with", when: has,
			do: func(*app) reaction { p.jump(sectionLinks); return nothing }},
		{keys: "Left", name: "Fields", help: "to its fields", when: has,
			do: func(*app) reaction { p.jump(sectionFields); return nothing }},
		{keys: "Esc Backspace", name: "Back", help: "back to where this page was opened", do: closeRoom},
		{keys: "y", name: "JSON", help: "show the object as JSON", when: has,
			do: func(a *app) reaction { return showJSON(a, p.object) }},
	}
	return slices.Concat(helpKeys(), own[:1], p.actionKeys(), own[1:], p.moves(), everywhere(p.app))
}
