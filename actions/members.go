package actions

import (
	"fmt"
	"slices"
	"strings"
	"syscall"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/schema"
)

// Members are all processes of a container or of a systemd unit: those with this name in a column.
type Members struct {
	Column string // "container" or "unit"
	Name   string
}

func (g Members) String() string { return g.Column + " " + g.Name }

// SignalMembers plans to signal all processes of containers and units, but not ipctop and its own ancestors: a Ref of
// such an ancestor in refs means it. refs may name more processes and objects.
func (p *Planner) SignalMembers(sig Signal, then Then, groups []Members, refs []schema.Ref, to Side) (*Plan, error) {
	if err := p.allowed(); err != nil {
		return nil, err
	}
	m := &members{groups: groups, snap: p.processTable(groups), ancestors: p.ancestors(),
		in: map[schema.Ref][]Members{}}
	var found []schema.Ref
	for _, g := range groups {
		refs, err := m.find(g)
		if err != nil {
			return nil, err
		}
		found = append(found, refs...)
	}
	plan, err := p.SignalThen(sig, then, append(found, refs...), to)
	if err != nil {
		return nil, err
	}
	for i := range plan.Steps {
		s := &plan.Steps[i]
		for _, g := range m.in[s.Ref] {
			s.Affected = append([]string{"it is in " + g.String()}, s.Affected...)
		}
	}
	plan.Notes = append(m.notes, plan.Notes...)
	plan.Because(Reason{Want: m.snap.Request.Want, Lost: func(snap *collect.Snapshot, r schema.Ref) string {
		return m.lost(snap, r, slices.Contains(refs, r))
	}})
	return plan, nil
}

// members holds the data of one SignalMembers.
type members struct {
	groups    []Members
	snap      *collect.Snapshot
	ancestors map[int]bool
	in        map[schema.Ref][]Members
	notes     []string
}

// processTable reads the columns of all processes.
func (p *Planner) processTable(groups []Members) *collect.Snapshot {
	m := collect.MechanismOf(schema.Proc)
	var ids []string
	for _, g := range groups {
		ids = append(ids, g.Column)
	}
	return collect.New(p.host, p.now, p.settings...).Take(collect.Request{
		Want: map[schema.Kind]schema.Need{schema.Proc: m.NeedsOf(ids)}})
}

// nameIn returns the cell of a process; "" if it has none.
func nameIn(column string, o *schema.Object) string {
	if c, ok := collect.MechanismOf(schema.Proc).Column(column); ok {
		if v := c.Get(o); v.State() == schema.Known {
			return v.Str()
		}
	}
	return ""
}

// find lists the processes of a group, the first process of a container first.
func (m *members) find(g Members) ([]schema.Ref, error) {
	var found []schema.Ref
	var names []string
	for _, o := range m.snap.Objects[schema.Proc] {
		name := nameIn(g.Column, o)
		if name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
		switch pid := int(o.Ref.ID); {
		case name != g.Name || name == "" || pid == process.SelfPID():
		case m.ancestors[pid]:
			m.notes = append(m.notes, fmt.Sprintf("%s is in %s and is left out, since it started ipctop: "+
				"name it to mean it", o.Ref, g))
		default:
			found = append(found, o.Ref)
			m.in[o.Ref] = append(m.in[o.Ref], g)
		}
	}
	if len(found) == 0 {
		return nil, unknownName(g, names)
	}
	for _, f := range m.snap.Faults {
		if says := "more processes may be in " + g.String() + ": " + f.Says; !slices.Contains(m.notes, says) {
			m.notes = append(m.notes, says)
		}
	}
	return found, nil
}

// unknownName lists the names that a person may have meant.
func unknownName(g Members, names []string) error {
	const most = 8
	var says string
	near := slices.DeleteFunc(slices.Clone(names), func(n string) bool {
		return n == g.Name || !strings.Contains(strings.ToLower(n), strings.ToLower(g.Name)) &&
			!strings.Contains(strings.ToLower(g.Name), strings.ToLower(n))
	})
	if len(near) == 0 {
		near, says = names, "there are"
	} else {
		says = "near that name"
	}
	slices.Sort(near)
	more := ""
	if len(near) > most {
		near, more = near[:most], fmt.Sprintf(" and %d more", len(near)-most)
	}
	switch {
	case slices.Contains(names, g.Name):
		return refuse("%s has no process but ipctop and those that started it", g)
	case len(near) == 0:
		return refuse("no process that can be seen is in a %s", g.Column)
	}
	return refuse("no process that can be seen is in %s: %s: %s%s", g, says, strings.Join(near, ", "), more)
}

// lost tells in words that a process has left its groups; "": it is there, or the person named it.
func (m *members) lost(snap *collect.Snapshot, r schema.Ref, named bool) string {
	if named || len(m.in[r]) == 0 {
		return ""
	}
	o := snap.Find(r)
	if o == nil {
		return "it is gone"
	}
	for _, g := range m.in[r] {
		if nameIn(g.Column, o) == g.Name {
			return ""
		}
	}
	return "it is not in " + m.in[r][0].String() + " any more"
}

// first tells that a process is the first one of a pid namespace below ours, such as a container's. The kernel ends all
// others with it, and it gets no signal without a handler but SIGKILL and SIGSTOP (man 7 pid_namespaces).
func (s *signalling) first(v *victim, known *procStatus) []string {
	numbers, err := v.handle.NSPIDs()
	if err != nil || len(numbers) < 2 || numbers[len(numbers)-1] != 1 {
		return nil
	}
	lines := []string{"it is pid 1 of its pid namespace, such as a container: when it ends, the kernel kills all " +
		"others there"}
	sig := s.sig.Number
	if known != nil && !known.masks.Caught.Has(sig) && sig != syscall.SIGKILL && sig != syscall.SIGSTOP {
		lines = append(lines, "as pid 1 it gets no "+s.sig.String()+", since it does not handle this signal")
	}
	return lines
}
