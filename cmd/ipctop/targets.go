package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ipctop/ipctop/actions"
	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/views"
)

// parseRefs reads all REFs before the program does anything. A wrong REF is a usage error.
func parseRefs(texts []string) ([]schema.Selector, error) {
	var sels []schema.Selector
	for _, text := range texts {
		sel, err := schema.ParseSelector(text, views.KnownKind)
		if err != nil {
			return nil, usageErrorf("%s%s", views.Visible(err.Error()), nearestKind(text))
		}
		sels = append(sels, sel)
	}
	return sels, nil
}

func nearestKind(text string) string {
	kind, _, ok := strings.Cut(text, ":")
	if !ok || views.KnownKind(schema.Kind(kind)) {
		return ""
	}
	var names []string
	for _, m := range collect.Mechanisms() {
		names = append(names, string(m.Kind))
	}
	if near := views.Nearest(kind, names); near != "" {
		return ": did you mean " + near + "?"
	}
	return ""
}

// otherNamespace is true if a REF may name an object of another namespace. The Space of a FIFO is a device.
func otherNamespace(s schema.Selector) bool { return s.Space != 0 && s.Kind != schema.Fifo }

// resolve finds the objects that the REFs name now. For each REF without an object it prints a line, and counts it in
// lost.
func (a *verbRun) resolve(sels []schema.Selector) []schema.Ref {
	req := collect.Request{Want: map[schema.Kind]schema.Need{}}
	for _, s := range sels {
		req.Want[s.Kind] = 0
		if m := collect.MechanismOf(s.Kind); a.lists != nil && m != nil {
			req.Want[s.Kind] = a.lists(m)
		}
		req.AllNamespaces = req.AllNamespaces || otherNamespace(s)
	}
	snap := collect.New(a.host, time.Now, a.settings...).Take(req)
	var refs []schema.Ref
	for _, s := range sels {
		ref, err := snap.Resolve(s)
		if err != nil {
			a.lost++
			a.complain(s.Text, err.Error())
			continue
		}
		if !a.rows {
			ref = subjectOf(snap, ref)
		}
		refs = append(refs, ref)
	}
	return refs
}

// standsForOther is true for a kind whose rows stand for other objects.
func standsForOther(k schema.Kind) bool {
	m := collect.MechanismOf(k)
	return m != nil && m.Subject != nil
}

// subjectOf gives the object that a row stands for. The row of a waiting thread stands for the thread's process.
func subjectOf(snap *collect.Snapshot, ref schema.Ref) schema.Ref {
	if standsForOther(ref.Kind) {
		return collect.MechanismOf(ref.Kind).Subject(snap.Find(ref))
	}
	return ref
}

// matching lists the objects of these mechanisms for which --where is true, without kernel threads and ipctop itself.
// If nothing matches, it returns an error.
func (a *verbRun) matching(mechs []*kinds.Mechanism) ([]schema.Ref, error) {
	refs, where, snap, err := a.match(mechs)
	if err != nil {
		return nil, err
	}
	for _, fault := range snap.Faults {
		a.complain(fault.Source, fault.Says)
	}
	if rows, columns := where.Undecided(); rows > 0 {
		a.complain("--where", fmt.Sprintf("%d objects were left out because %s could not be read for them", rows,
			strings.Join(columns, ", ")))
	}
	if len(refs) > 0 {
		return refs, nil
	}
	for _, lack := range where.Lacks() {
		a.complain("note", lack.String())
	}
	return nil, errors.New("--where: nothing matched")
}

func (a *verbRun) match(mechs []*kinds.Mechanism) (refs []schema.Ref, where *views.Where, snap *collect.Snapshot,
	err error) {
	if where, err = views.CompileWhere(mechs, a.where); err != nil {
		return nil, nil, nil, err
	}
	snap = collect.New(a.host, time.Now, a.settings...).Take(collect.Request{Want: a.wantFor(mechs, where),
		AllNamespaces: a.all, Grace: a.age})
	self := uint64(process.SelfPID())
	for _, m := range mechs {
		for _, o := range snap.Objects[m.Kind] {
			ours := m.Kind == schema.Proc && o.Ref.ID == self
			if a.chosen(where, o) && !ours && (m.Background == nil || !m.Background(o)) {
				refs = append(refs, o.Ref)
			}
		}
	}
	return refs, where, snap, nil
}

// wantFor lists what a snapshot needs to answer --where.
func (a *verbRun) wantFor(mechs []*kinds.Mechanism, where *views.Where) map[schema.Kind]schema.Need {
	want := map[schema.Kind]schema.Need{}
	for _, m := range mechs {
		want[m.Kind] = m.NeedsOf(where.IDs())
		if a.lists != nil {
			want[m.Kind] |= a.lists(m)
		}
	}
	return want
}

// chosen is true for an object that --where finds and the verb works on.
func (a *verbRun) chosen(where *views.Where, o *schema.Object) bool {
	return (a.can == nil || a.can(o)) && where.Match(o)
}

// stillMatching makes --where the reason of a plan: the deeds are done only to objects that --where finds right before
// them. It also refuses the steps whose objects --where does not find any more now. An object can change between the
// choice by --where and the plan.
func (a *verbRun) stillMatching(plan *actions.Plan, mechs []*kinds.Mechanism) (*actions.Plan, error) {
	if a.where == "" || len(plan.Steps) == 0 {
		return plan, nil
	}
	where, err := views.CompileWhere(mechs, a.where)
	if err != nil {
		return nil, err
	}
	plan.Because(actions.Reason{Want: a.wantFor(mechs, where), AllNamespaces: a.all,
		Lost: func(snap *collect.Snapshot, r schema.Ref) string {
			if o := snap.Find(r); o != nil && a.chosen(where, o) {
				return ""
			}
			return "--where does not hold for it any more"
		}})
	return plan.Keep(), nil
}

// targets lists the objects to act on: the objects that the REFs name, or the objects that --where finds.
func (a *verbRun) targets(sels []schema.Selector, mechs []*kinds.Mechanism) ([]schema.Ref, error) {
	if a.where == "" {
		return a.resolve(sels), nil
	}
	return a.matching(mechs)
}

// mechanismsOf lists the mechanisms of the kinds for which keep is true.
func mechanismsOf(keep func(schema.Kind) bool) []*kinds.Mechanism {
	return slices.DeleteFunc(collect.Mechanisms(), func(m *kinds.Mechanism) bool { return !keep(m.Kind) })
}

// completeRefs proposes the beginnings of REFs: the kinds for which keep is true.
func completeRefs(keep func(schema.Kind) bool) cobra.CompletionFunc {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		var words []string
		for _, m := range mechanismsOf(keep) {
			words = append(words, cobra.CompletionWithDesc(string(m.Kind)+":", m.Title))
		}
		return words, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
}
