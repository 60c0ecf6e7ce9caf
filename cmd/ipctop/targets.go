package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ipctop/ipctop/actions"
	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/views"
)

// parseRefs reads all REFs before anything is done.
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

// otherNamespace says whether a REF may lead to another namespace's object: a FIFO's Space is a device.
func otherNamespace(s schema.Selector) bool { return s.Space != 0 && s.Kind != schema.Fifo }

// resolve turns REFs into the objects that have them now. What leads nowhere is said and counted.
func (a *acting) resolve(sels []schema.Selector) []schema.Ref {
	req := collect.Request{Want: map[schema.Kind]schema.Need{}}
	for _, s := range sels {
		req.Want[s.Kind] = 0
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
		refs = append(refs, subjectOf(snap, ref))
	}
	return refs
}

// subjectOf is what an object of a snapshot stands for: a thread that waits for its process.
func subjectOf(snap *collect.Snapshot, ref schema.Ref) schema.Ref {
	for _, m := range collect.Mechanisms() {
		if m.Kind == ref.Kind && m.Subject != nil {
			return m.Subject(snap.Find(ref))
		}
	}
	return ref
}

// matching lists the objects of these mechanisms for which --where holds, but neither kernel threads nor ipctop itself.
// It is an error if there are none.
func (a *acting) matching(mechs []*kinds.Mechanism) ([]schema.Ref, error) {
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

func (a *acting) match(mechs []*kinds.Mechanism) (refs []schema.Ref, where *views.Where, snap *collect.Snapshot,
	err error) {
	if where, err = views.CompileWhere(mechs, a.where); err != nil {
		return nil, nil, nil, err
	}
	want := map[schema.Kind]schema.Need{}
	for _, m := range mechs {
		want[m.Kind] = m.NeedsOf(where.IDs())
	}
	snap = collect.New(a.host, time.Now,
		a.settings...).Take(collect.Request{Want: want, AllNamespaces: a.all, Grace: a.age})
	for _, m := range mechs {
		for _, o := range snap.Objects[m.Kind] {
			ours := m.Kind == schema.Proc && o.Ref.ID == uint64(os.Getpid())
			if where.Match(o) && !ours && (m.Background == nil || !m.Background(o)) {
				refs = append(refs, o.Ref)
			}
		}
	}
	return refs, where, snap, nil
}

// still leaves out of the plan what --where does not find any more. The plan was made after the first look, so that
// what changed between the two is in the plan but not in the choice; what changes from here on the recheck before
// each deed refuses.
func (a *acting) still(plan *actions.Plan, mechs []*kinds.Mechanism) (*actions.Plan, error) {
	if a.where == "" || len(plan.Steps) == 0 {
		return plan, nil
	}
	refs, _, _, err := a.match(mechs)
	if err != nil {
		return nil, err
	}
	holds := map[schema.Ref]bool{}
	for _, r := range refs {
		holds[r] = true
	}
	return plan.Only(func(s *actions.Step) bool { return holds[s.Ref] },
		"--where does not hold for it any more: look at it again"), nil
}

// targets are the objects to act on: those that the REFs name, or those of the mechanisms that --where finds.
func (a *acting) targets(sels []schema.Selector, mechs []*kinds.Mechanism) ([]schema.Ref, error) {
	if a.where == "" {
		return a.resolve(sels), nil
	}
	return a.matching(mechs)
}

// only keeps the mechanisms of kinds for which keep holds.
func only(keep func(schema.Kind) bool) []*kinds.Mechanism {
	return slices.DeleteFunc(collect.Mechanisms(), func(m *kinds.Mechanism) bool { return !keep(m.Kind) })
}

// completeRefs proposes the kinds that a REF starts with.
func completeRefs(keep func(schema.Kind) bool) cobra.CompletionFunc {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		var words []string
		for _, m := range only(keep) {
			words = append(words, cobra.CompletionWithDesc(string(m.Kind)+":", m.Title))
		}
		return words, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
}
