package tui

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gdamore/tcell/v2"

	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/views"
)

// build makes the page's lines for the width of the screen.
func (p *page) build() []item {
	items := append(p.findings(), p.heading(sectionFields, sectionFields))
	items = append(items, p.fields()...)
	related := p.related()
	items = append(items, item{skip: true}, p.heading(fmt.Sprintf("%s (%d)", sectionLinks, len(related)), sectionLinks))
	if len(related) == 0 {
		items = append(items, item{skip: true, spans: []span{{"  nothing that could be seen", p.theme.dim}}})
	}
	return append(items, related...)
}

// findings returns the findings on the object, each with evidence and advice.
func (p *page) findings() []item {
	th := p.theme
	var items []item
	for n, f := range p.app.findingsOn(p.app.subject(p.object), p.snap) {
		if n == 0 {
			items = append(items, p.heading(sectionFindings, sectionFindings))
		}
		style := th.warn
		if f.Severity == schema.Critical {
			style = th.bad
		}
		add := func(indent, says string, style tcell.Style) {
			for i, line := range wrap(views.Visible(says), p.width-len(indent)-2) {
				items = append(items, item{key: fmt.Sprint(sectionFindings, n, says, i),
					spans: []span{{indent, th.text}, {line, style}}})
			}
		}
		add("  ", f.Says, style)
		for _, e := range f.Evidence {
			add("    ", e, th.text)
		}
		if f.Advice != "" {
			add("    ", "to do: "+f.Advice, th.strong)
		}
	}
	if len(items) > 0 {
		items = append(items, item{skip: true})
	}
	return items
}

func (p *page) heading(s, key string) item {
	return item{key: key, skip: true, spans: []span{{s, p.theme.strong}}}
}

// fields returns at least one line for each column.
func (p *page) fields() []item {
	columns := views.PageColumns(p.app.mechanism(p.ref.Kind))
	name := 0
	for i := range columns {
		name = max(name, len(columns[i].ID))
	}
	var items []item
	f := views.Format{Now: p.snap.Taken}
	for i := range columns {
		c := &columns[i]
		v := c.Get(p.object)
		style := p.theme.text
		if !v.IsKnown() {
			style = p.theme.dim
		}
		for n, line := range p.lines(v, f, p.width-name-4) {
			id := c.ID
			if n > 0 {
				id = ""
			}
			items = append(items, item{key: fmt.Sprintf("%s %d", c.ID, n), note: c.ID + ": " + c.Help,
				spans: []span{{"  " + pad(id, name, false) + "  ", p.theme.strong}, {line, style}}, do: p.link(v)})
		}
	}
	return items
}

// lines returns a whole cell. It wraps a text that a table would cut. A list gets one line for each element.
func (p *page) lines(v schema.Value, f views.Format, width int) []string {
	if v.IsKnown() && v.Type() == schema.TypeList && manyWords(v.List()) {
		return wrap(views.Visible(strings.Join(v.List(), " ")), width)
	}
	if v.IsKnown() && v.Type() == schema.TypeList && len(v.List()) > 1 {
		var lines []string
		for _, s := range v.List() {
			lines = append(lines, wrap(views.Visible(s), width)...)
		}
		return lines
	}
	text := views.Text(v, f)
	switch {
	case v.IsKnown() && v.Type() == schema.TypeBytes && v.Uint() >= 1024:
		text += fmt.Sprintf("  (%d bytes)", v.Uint())
	case v.IsKnown() && v.Type() == schema.TypeTime:
		text = v.Time().Format("2006-01-02 15:04:05")
	case v.IsKnown() && v.Type() == schema.TypeEndpoints:
		text = strings.ReplaceAll(text, ",", " ")
		if v.Partial() {
			text += "  (some processes could not be looked into: there may be more)"
		}
	}
	return wrap(text, width)
}

// manyWords is true for a list of names, such as a set of signals: one line for each name would fill a page.
func manyWords(list []string) bool {
	const few = 6
	return len(list) > few && !slices.ContainsFunc(list,
		func(s string) bool { return s == "" || strings.ContainsAny(s, " []/") })
}

// link makes Enter on a field go to the object that the field names.
func (p *page) link(v schema.Value) func(*app) reaction {
	switch {
	case !v.IsKnown():
		return nil
	case v.Type() == schema.TypeRef && v.Ref() != p.ref:
		return p.visit(v.Ref())
	case v.Type() == schema.TypeEndpoints && len(v.Endpoints()) == 1:
		return p.visit(v.Endpoints()[0].Ref())
	}
	return nil
}

func (p *page) visit(r schema.Ref) func(*app) reaction {
	return func(a *app) reaction {
		var known *schema.Object
		if p.snap != nil {
			known = p.snap.Find(r)
		}
		return a.visit(r, known)
	}
}

// related returns the relations to follow. It adds the processes that a field names but no relation has.
func (p *page) related() []item {
	var items []item
	covered := map[schema.Ref]bool{}
	if subject := p.app.subject(p.object); subject != p.ref {
		covered[subject] = true
		items = append(items, p.relatedItem("thread of", subject, ""))
	}
	for _, e := range p.edges {
		if e.From == e.To {
			continue // its end is the awaited object
		}
		outward, inward := relWords(e.Rel)
		other, says := e.To, outward
		if e.To == p.ref {
			other, says = e.From, inward
		}
		covered[other] = true
		via := views.Visible(e.Via.String())
		if e.Proof == schema.Inferred {
			via += " (likely, not certain)"
		}
		items = append(items, p.relatedItem(says, other, via))
	}
	m := p.app.mechanism(p.ref.Kind)
	for i := range m.Columns {
		for _, end := range m.Columns[i].Get(p.object).Endpoints() {
			if !covered[end.Ref()] {
				via := views.Visible(end.Mode)
				if end.FD >= 0 {
					via = fmt.Sprintf("fd %d %s", end.FD, via)
				}
				items = append(items, p.relatedItem(strings.ToLower(m.Columns[i].ID), end.Ref(), via))
			}
		}
	}
	return items
}

func (p *page) relatedItem(says string, other schema.Ref, via string) item {
	name := ""
	note := "Enter opens " + views.Visible(other.String())
	if o := p.snap.Find(other); o != nil {
		if m := p.app.mechanism(other.Kind); m != nil {
			name = views.Visible(m.NamedLabel(o))
		}
	}
	spans := []span{{"  " + pad(says, 13, false) + " ", p.theme.text},
		{pad(views.Visible(other.String()), 14, false) + " ", p.theme.strong},
		{pad(name, 16, false) + " ", p.theme.text},
		{via, p.theme.dim}}
	return item{key: says + other.String() + via, spans: spans, note: note, do: p.visit(other)}
}

// relWords names a relation from both of its ends. outward is for the object at the start: a process "holds" a pipe.
// inward is for the object at the end: the pipe is "held by" the process.
func relWords(r schema.Rel) (outward, inward string) {
	words := map[schema.Rel][2]string{
		schema.RelCreated:  {"created", "created by"},
		schema.RelHolds:    {"holds", "held by"},
		schema.RelMaps:     {"maps", "mapped by"},
		schema.RelReads:    {"reads", "read by"},
		schema.RelWrites:   {"writes", "written by"},
		schema.RelWaitsOn:  {"waits on", "waited on by"},
		schema.RelPeer:     {"peer", "peer"},
		schema.RelLastUsed: {"used last", "last used by"},
		schema.RelParent:   {"child", "parent"},
		schema.RelCouldEnd: {"could end", "could end it"}, // the process could end waits for the object
		schema.RelWatches:  {"watches", "watched by"},
	}[r]
	return words[0], words[1]
}
