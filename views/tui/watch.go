package tui

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/views"
)

// watchEvery is the interval of the search for deadlocks while another tab is on screen. The search reads the state of
// every thread of the machine.
const watchEvery = 10 * time.Second

// watch asks for the facts that the header announces on every tab.
func (a *app) watch() {
	if i := a.tabOf(schema.Wait); i >= 0 {
		a.source.Watch(a.tabs[i].request(), watchEvery)
	}
}

// look takes a snapshot of the watch. It is for the header. It is also for the tab of waits, until that tab is on
// screen and asks for itself.
func (a *app) look(s *collect.Snapshot) {
	if a.dialogOpen() {
		a.heldLook = s
		return
	}
	findings := *s
	findings.Objects, findings.Edges = nil, nil // they may take much memory
	a.watched, a.heldLook, a.alarm = &findings, nil, a.alarmsIn(s)
	if t := a.tabs[a.tabOf(schema.Wait)]; s.Covers(t.request()) {
		t.next = s
		if t == a.tab() {
			a.arrange(t)
		} else {
			t.forget()
		}
	}
}

// alarms is the header's announcement: critical findings in words, other findings as a number.
type alarms struct{ critical, others string }

func (a *app) alarmsIn(s *collect.Snapshot) alarms {
	var all alarms
	name := a.namer(s)
	var deadlocks, likely, stuck []string
	count, possible := map[string]int{}, 0
	for i := range s.Findings {
		f := &s.Findings[i]
		switch {
		case f.Kind == "deadlock" && f.Severity != schema.Critical: // there may be a way out
			possible++
		case f.Kind == "deadlock" && f.Proof == schema.Inferred:
			likely = append(likely, circle(f, name))
		case f.Kind == "deadlock":
			deadlocks = append(deadlocks, circle(f, name))
		case f.Kind == "stuck" && f.Severity == schema.Critical:
			stuck = append(stuck, name(f.Refs[0]))
		case slices.Contains(countedKinds(), f.Kind):
			count[f.Kind]++
		}
	}
	var parts []string
	switch n := len(deadlocks) + len(likely); {
	case len(deadlocks) == 0 && n > 0:
		parts = append(parts, schema.Plural(n, "likely deadlock", fmt.Sprintf("%d likely deadlocks", n))+": "+
			strings.Join(likely, "; "))
	case n > 0:
		for i := range likely {
			likely[i] = "likely " + likely[i]
		}
		parts = append(parts, schema.Plural(n, "deadlock", fmt.Sprintf("%d deadlocks", n))+": "+
			strings.Join(append(deadlocks, likely...), "; "))
	}
	if n := len(stuck); n > 0 {
		parts = append(parts, schema.Plural(n, "stuck", fmt.Sprintf("%d stuck", n))+": "+strings.Join(stuck, ", "))
	}
	all.critical = strings.Join(parts, " · ")
	parts = nil
	if possible > 0 {
		parts = append(parts, fmt.Sprintf("%d possible %s", possible, schema.Plural(possible, "deadlock", "deadlocks")))
	}
	for _, kind := range countedKinds() {
		if n := count[kind]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, kind))
		}
	}
	all.others = strings.Join(parts, ", ")
	return all
}

// countedKinds are the findings that the line of alarms only counts.
func countedKinds() []string { return []string{"stuck", "stopped", "abandoned", "blocked"} }

// circle names the processes of a deadlock; each waits for the next.
func circle(f *schema.Finding, name func(schema.Ref) string) string {
	const most = 4
	var names []string
	for _, r := range f.Refs {
		if r.Kind == schema.Proc {
			names = append(names, name(r))
		}
	}
	switch n := len(names); {
	case n == 1:
		return "threads of " + names[0]
	case n == 2:
		return names[0] + " ↔ " + names[1]
	case n > most:
		return strings.Join(names[:most-1], " → ") + fmt.Sprintf(" → … (%d processes)", n)
	}
	return strings.Join(append(names, names[0]), " → ")
}

// namer returns the name of a process in a snapshot's waits: "4242/postgres".
func (a *app) namer(s *collect.Snapshot) func(schema.Ref) string {
	names := sync.OnceValue(func() map[schema.Ref]string {
		m, names := a.mechanism(schema.Wait), map[schema.Ref]string{}
		for _, o := range s.Objects[schema.Wait] {
			names[m.Subject(o)] = m.NamedLabel(o)
		}
		return names
	})
	return func(r schema.Ref) string { return views.Visible(fmt.Sprintf("%d/%s", r.ID, names()[r])) }
}

// findingsOn returns the findings on an object in the snapshot. If the snapshot lacks the waits, it adds the findings
// of the watch.
func (a *app) findingsOn(r schema.Ref, s *collect.Snapshot) []schema.Finding {
	var all []schema.Finding
	waits := false
	if s != nil && s.Request.Findings {
		all = s.Findings
		_, waits = s.Request.Want[schema.Wait]
	}
	if !waits && a.watched != nil {
		all = slices.Concat(a.watched.Findings, all)
	}
	return slices.DeleteFunc(slices.Clone(all), func(f schema.Finding) bool { return !slices.Contains(f.Refs, r) })
}

// subject is the process of a wait, or else the object itself.
func (a *app) subject(o *schema.Object) schema.Ref {
	if m := a.mechanism(o.Ref.Kind); m != nil && m.Subject != nil {
		return m.Subject(o)
	}
	return o.Ref
}

// subjects returns the subject of each Ref, without repeats.
func (a *app) subjects(refs []schema.Ref, s *collect.Snapshot) []schema.Ref {
	var all []schema.Ref
	for _, r := range refs {
		if m := a.mechanism(r.Kind); m != nil && m.Subject != nil {
			o := s.Find(r)
			if o == nil {
				continue
			}
			r = m.Subject(o)
		}
		if !slices.Contains(all, r) {
			all = append(all, r)
		}
	}
	return all
}
