package tui

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/ipctop/ipctop/actions"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/views"
)

// verbKeys are the keys of all verbs. Without marks they are for an object of the kind, with marks for a table of such
// objects. Verbs change the machine: the keys do not exist in read-only mode, and do not work without a planner.
func verbKeys(kind schema.Kind, marks bool, to aim) keymap {
	var keys keymap
	for _, v := range actions.Verbs() {
		refs := to.subjects
		if v.Rows {
			refs = to.rows
		}
		does := func(r schema.Ref) bool { return v.Does(r.Kind) }
		about := kind
		if i := slices.IndexFunc(refs, does); i >= 0 {
			about = refs[i].Kind
		}
		keys = append(keys, binding{keys: v.Keys, name: v.Title, help: v.Hint(about, marks), danger: true,
			when: func(a *app) bool { return a.opts.Planner != nil && slices.ContainsFunc(refs, does) },
			idle: func(a *app) string {
				if a.opts.Planner == nil || len(refs) == 0 || v.Instead == nil {
					return ""
				}
				return v.Instead(refs[0])
			},
			do: func(a *app) reaction {
				d := &deed{Use: v.Begin(), title: v.Title, refs: refs, meant: to.meant}
				return d.ask(a, 0)
			}})
	}
	return keys
}

// deed is one use of a verb, from its key to its plan.
type deed struct {
	*actions.Use
	title string
	refs  []schema.Ref
	meant []string // see aim
}

// ask asks the person for the words from number i on, and then plans.
func (d *deed) ask(a *app, i int) reaction {
	for ; i < len(d.Takes); i++ {
		switch o := &d.Takes[i]; {
		case o.Word == "":
		case len(o.Choices) > 0:
			return d.menu(a, i)
		default:
			p := newPrompt(a, o.Title+": ", o.Default)
			p.hint, p.check = d.Targets(d.refs, d.objects(a)), o.Set
			p.accept = func(string) reaction { return d.ask(a, i+1) }
			a.push(p)
			return nothing
		}
	}
	return a.plan(d.title, d.meant, func() (*actions.Plan, error) { return d.Plan(a.opts.Planner, d.refs) })
}

// menu offers the choices of a word, with the cursor on the default. It has keys for the flags that matter to the
// objects. Its last line names the targets.
func (d *deed) menu(a *app, i int) reaction {
	o := &d.Takes[i]
	m := newMenu(a, o.Title, nil)
	var items []item
	for _, c := range o.Choices {
		label := cmp.Or(c.Label, c.Value)
		items = append(items, item{
			spans: []span{
				{fmt.Sprintf("%3d ", c.Number), a.theme.text}, {pad(label, 13, false), a.theme.strong},
				{c.Says, a.theme.text},
			},
			do: func(a *app) reaction {
				a.pop()
				if err := o.Set(c.Value); err != nil {
					a.flash = views.Visible(err.Error())
					return nothing
				}
				d.title = label
				return d.ask(a, i+1)
			},
		})
	}
	m.set(items)
	m.jump = true
	m.index = max(0, slices.Index(o.Values(), o.Default))
	d.switches(a, m)
	a.push(m)
	return nothing
}

// switches adds the keys of the flags that matter to the menu. Its last line tells what they are set to.
func (d *deed) switches(a *app, m *menu) {
	var offers []func() string
	say := func() {
		m.foot = d.Targets(d.refs, d.objects(a))
		for i, offer := range offers {
			if i == 0 {
				m.foot += "  "
			}
			m.foot += " (" + offer() + ")"
		}
	}
	for i := range d.Takes {
		o := &d.Takes[i]
		if o.Key == "" || !slices.ContainsFunc(d.refs, func(r schema.Ref) bool { return o.Matters(r.Kind) }) {
			continue
		}
		var kinds []schema.Kind
		for _, r := range d.refs {
			kinds = append(kinds, r.Kind)
		}
		values := o.ValuesFor(kinds)
		at := max(0, slices.Index(values, o.Default))
		set := func() {
			if err := o.Set(values[at]); err != nil {
				a.flash = views.Visible(err.Error())
			}
		}
		set() // the default may be a side that the kinds do not have
		if len(values) == 1 {
			continue
		}
		offers = append(offers, func() string { return o.Key + ": " + o.Label(values[(at+1)%len(values)]) })
		m.keys = append(m.keys, binding{keys: o.Key, name: o.Title, help: o.Hint, do: func(a *app) reaction {
			at = (at + 1) % len(values)
			set()
			say()
			return nothing
		}})
	}
	say()
}

// objects names the objects of the deed.
func (d *deed) objects(a *app) string {
	s := refsText(d.refs)
	if len(d.refs) == 1 && a.snap != nil {
		if o := a.snap.Find(d.refs[0]); o != nil {
			s += " " + views.Visible(a.mechanism(o.Ref.Kind).NamedLabel(o))
		}
	}
	return s
}
