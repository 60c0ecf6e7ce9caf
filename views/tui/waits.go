package tui

import (
	"slices"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/schema"
)

// related restricts a tab to the rows that are related to some objects.
type related struct {
	refs   []schema.Ref
	waits  bool             // on the tab of waits: the waits of and for the objects; else: the processes at them
	wait   *kinds.Mechanism // not nil: the objects are waits, and the rows are the processes that could end them
	back   int              // the tab to return to
	rooms  []room           // the rooms above that tab
	before *related         // the earlier restriction of the tab
	cursor schema.Ref       // the tab's cursor before the restriction
	index  int              // the cursor's line
}

// waitsKeys show the waits of objects and the waits for them.
func waitsKeys(help string, when func() bool, targets func() []schema.Ref) keymap {
	return keymap{{keys: "w", name: "Waits", help: help, when: func(*app) bool { return when() },
		do: func(a *app) reaction { return waitsAt(a, targets()) }}}
}

// waitsAt shows the tab of waits, restricted to the waits of the objects and for the objects.
func waitsAt(a *app, refs []schema.Ref) reaction {
	to := a.tabOf(schema.Wait)
	if to < 0 || len(refs) == 0 {
		return nothing
	}
	a.tab().hold()
	t := a.tabs[to]
	r := &related{refs: refs, waits: true, back: a.current, rooms: slices.Clone(a.rooms[1:]), cursor: t.cursor,
		index: t.index}
	if to == a.current {
		r.before = t.related
	}
	a.home()
	t.related, t.tree, t.cursor, t.index = r, true, schema.Ref{}, 0
	t.filter, t.where, t.user = textFilter{}, nil, ""
	t.rows, t.snap = nil, nil
	return a.show(to)
}

// back returns to the tab and rooms before the restriction.
func back(a *app) reaction {
	t := a.tab()
	r := t.related
	t.lift()
	a.changed(t)
	a.rooms = append(a.rooms[:1], r.rooms...)
	a.tv.SetFocus(a.top())
	return a.show(r.back)
}

// lift takes the last restriction away. The cursor is where it was before.
func (t *tab) lift() {
	if r := t.related; r != nil {
		t.related, t.cursor, t.index = r.before, r.cursor, r.index
	}
}

// rows returns the rows of a tab that the restriction keeps.
func (r *related) rows(t *tab) map[schema.Ref]bool {
	switch {
	case r.wait != nil:
		return r.enders(t.snap)
	case !r.waits:
		return r.processes(t.snap)
	}
	found := map[schema.Ref]bool{}
	for _, m := range t.view.Mechanisms {
		if m.Subject != nil {
			r.addWaits(m, t.snap, found)
		}
	}
	return found
}

// processes returns the processes at the objects: holders, readers, writers, creators. Of a kind without these sides it
// returns the waiters.
func (r *related) processes(s *collect.Snapshot) map[schema.Ref]bool {
	found := map[schema.Ref]bool{}
	for _, e := range s.Edges {
		switch {
		case e.Rel == schema.RelWaitsOn && hasHolders(e.To.Kind): // a waiter that is a holder has an edge for that
		case e.From.Kind == schema.Proc && slices.Contains(r.refs, e.To):
			found[e.From] = true
		case e.To.Kind == schema.Proc && slices.Contains(r.refs, e.From):
			found[e.To] = true
		}
	}
	return found
}

// hasHolders is true for a kind whose processes are known beyond those that wait.
func hasHolders(k schema.Kind) bool {
	m := collect.MechanismOf(k)
	return m != nil && m.NeedsAt(kinds.Holders, kinds.Readers, kinds.Writers) != 0
}

// addNeeds adds the facts that the restriction needs to a request.
func (r *related) addNeeds(req *collect.Request) {
	switch {
	case r.wait != nil:
		req.Want[r.wait.Kind] = r.wait.NeedsOf([]string{endersColumn})
	case !r.waits:
		req.Edges = true
		for _, ref := range r.refs {
			req.Want[ref.Kind] |= 0
			if m := collect.MechanismOf(ref.Kind); m != nil {
				req.Want[ref.Kind] |= m.NeedsAt(kinds.Holders)
			}
		}
	}
}

// endersColumn lists the processes that could end a wait.
const endersColumn = "enders"

// enders returns the processes that could end the waits.
func (r *related) enders(s *collect.Snapshot) map[schema.Ref]bool {
	found := map[schema.Ref]bool{}
	c, _ := r.wait.Column(endersColumn)
	for _, o := range s.Objects[r.wait.Kind] {
		if slices.Contains(r.refs, o.Ref) {
			for _, e := range c.Get(o).Endpoints() {
				found[e.Ref()] = true
			}
		}
	}
	return found
}

// addWaits finds the waits of the processes, the waits for the objects, and the waits that the processes could end. It
// adds the ancestors and descendants of these waits in the tree. In m's order parents come before their children.
func (r *related) addWaits(m *kinds.Mechanism, s *collect.Snapshot, found map[schema.Ref]bool) {
	objects := s.Objects[m.Kind]
	on, _ := m.Column("objects")
	enders, _ := m.Column(endersColumn)
	names := make([]string, len(r.refs))
	for i := range r.refs {
		names[i] = r.refs[i].String()
	}
	for _, o := range objects {
		found[o.Ref] = slices.Contains(r.refs, m.Subject(o)) || found[m.Parent(o)] ||
			slices.ContainsFunc(on.Get(o).List(), func(s string) bool { return slices.Contains(names, s) }) ||
			slices.ContainsFunc(enders.Get(o).Endpoints(),
				func(e schema.Endpoint) bool { return slices.Contains(r.refs, e.Ref()) })
	}
	for _, o := range slices.Backward(objects) {
		if p := m.Parent(o); found[o.Ref] && !p.IsZero() {
			found[p] = true
		}
	}
}

// title describes the rows.
func (r *related) title() string {
	switch {
	case r.wait != nil:
		return "processes that could end " + refsText(r.refs)
	case !r.waits:
		return "processes at " + refsText(r.refs)
	}
	they := r.pronoun()
	if r.processesOnly() {
		return "what " + refsText(r.refs) + they.waits + "for, and who waits for " + they.object
	}
	return "who waits for " + refsText(r.refs) + ", and who could end that"
}

// emptyText says that no wait is known, or no process that could end it.
func (r *related) emptyText() string {
	if r.wait != nil {
		return "no process can be named that could end " + r.pronoun().object +
			": Backspace, then Enter shows what is known"
	}
	says := "nothing waits for " + r.pronoun().object
	if r.processesOnly() {
		says = r.pronoun().subject + "for nothing, and " + says
	}
	return says + ", as far as could be seen"
}

func (r *related) processesOnly() bool {
	return !slices.ContainsFunc(r.refs, func(ref schema.Ref) bool { return ref.Kind != schema.Proc })
}

// pronoun is "it" or "they", with the verb.
func (r *related) pronoun() (p struct{ subject, waits, object string }) {
	if p.subject, p.waits, p.object = "it waits ", " waits ", "it"; len(r.refs) > 1 {
		p.subject, p.waits, p.object = "they wait ", " wait ", "them"
	}
	return p
}
