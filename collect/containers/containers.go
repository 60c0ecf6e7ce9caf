// Package containers is an aspect: the containers and systemd units of the processes that use an object.
//
// Room proc finds both in the processes' control groups and in the files of container engines.
package containers

import (
	"slices"
	"strings"

	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// NeedControlGroup is the need of the columns container and unit.
const NeedControlGroup schema.Need = 1 << 37 // /proc/PID/cgroup of each user, and the files of container engines

// note holds the two cells of an object.
var note = schema.NewNote[cells]()

type cells struct{ container, unit schema.Value }

// Aspect adds the columns container and unit to every kind whose objects have users.
func Aspect(mechanisms []*kinds.Mechanism) kinds.Aspect {
	a := kinds.Aspect{Name: "containers", Of: map[schema.Kind]schema.Need{}, Columns: columns,
		OnDemand: []string{"container", "unit"},
		Costs:    []schema.Cost{{Need: NeedControlGroup, Name: "control groups"}}}
	subjects := map[schema.Kind]func(*schema.Object) schema.Ref{}
	for _, m := range mechanisms {
		needs := m.NeedsAt(kinds.Holders, kinds.Readers, kinds.Writers)
		if needs == 0 || needs == kinds.NeedUndo { // SEM_UNDO takes rights that few have
			needs = m.NeedsAt(kinds.Waiters)
		}
		switch {
		case m.Kind == schema.NS || m.Kind == schema.Limit:
		case m.Subject != nil, m.Kind == schema.Proc:
			subjects[m.Kind] = m.Subject
			a.Of[m.Kind] = proc.NeedProcs
		case needs != 0:
			a.Of[m.Kind] = needs | proc.NeedProcs
		}
	}
	a.Fill = func(t *proc.Tick, kind schema.Kind, needs schema.Need, objects []*schema.Object) {
		for _, o := range objects {
			if t.Gathered(o.Ref, needs|NeedControlGroup) {
				c := cellsOf(t, usersOf(t, o, subjects[kind]))
				note.Set(o, &c)
			}
		}
	}
	return a
}

func columns(_ schema.Kind, needs schema.Need) []schema.Column {
	column := func(id string, width int, help string, get func(*cells) schema.Value) schema.Column {
		return schema.Column{ID: id, Type: schema.TypeString, Width: width, Needs: needs | NeedControlGroup, Help: help,
			Get: func(o *schema.Object) schema.Value {
				if c := note.Of(o); c != nil {
					return get(c)
				}
				return schema.Uncollected(schema.TypeString)
			}}
	}
	return []schema.Column{
		column("container", 16, "containers of the processes that use it: the name that Docker, Podman, containerd, "+
			"CRI-O, LXC or nspawn knows, POD/CONTAINER in Kubernetes; the short id where the name may not be read",
			func(c *cells) schema.Value { return c.container }),
		column("unit", 20, "systemd units of the processes that use it; a unit of the user's own manager "+
			"for its services",
			func(c *cells) schema.Value { return c.unit }),
	}
}

// usersOf lists the processes that use an object. An object of another namespace also has the first process there.
func usersOf(t *proc.Tick, o *schema.Object, subject func(*schema.Object) schema.Ref) []*proc.Process {
	var users []*proc.Process
	add := func(p *proc.Process) {
		if p != nil && !slices.Contains(users, p) {
			users = append(users, p)
		}
	}
	switch {
	case o.Ref.Kind == schema.Proc:
		add(t.Process(int(o.Ref.ID)))
	case subject != nil:
		add(t.Process(int(subject(o).ID)))
	}
	ends := kinds.EndsOf(o)
	for _, v := range []schema.Value{ends.Holders, ends.Readers, ends.Writers, ends.Waiters} {
		for _, e := range v.Endpoints() {
			add(t.Process(e.PID))
		}
	}
	if space := kinds.ShmSpaceOf(o); space != nil {
		add(space.Leader)
	}
	if r := o.Ref; r.Space != 0 && (r.Kind.SysV() || r.Kind == schema.PMsg) {
		if s := t.SpaceAt("ipc", r.Space); s != nil {
			add(s.Leader)
		}
	}
	if r, ok := o.Row.(*kinds.MsgRow); ok { // the kernel records who used a queue last, and knows no holders
		for _, last := range []struct {
			pid int32
			at  int64
		}{{r.LSPid, r.STime}, {r.LRPid, r.RTime}} {
			if last.at != 0 && t.CreatorState(int(last.pid), last.at) == proc.CreatorAlive {
				add(t.Process(int(last.pid)))
			}
		}
	}
	return users
}

// cellsOf names the containers and units of processes. A cell is refused if a control group may not be read and no
// other one has an answer.
func cellsOf(t *proc.Tick, users []*proc.Process) cells {
	var names, units []string
	refused := false
	for _, p := range users {
		c, unit, err := t.ControlGroup(p)
		refused = refused || sys.Denied(err)
		for _, word := range []struct {
			list *[]string
			text string
		}{{&names, c.String()}, {&units, unit}} {
			if word.text != "" && !slices.Contains(*word.list, word.text) {
				*word.list = append(*word.list, word.text)
			}
		}
	}
	cell := func(words []string) schema.Value {
		slices.Sort(words)
		if len(words) == 0 && refused {
			return schema.Refused(schema.TypeString)
		}
		return kinds.WordValue(strings.Join(words, ","))
	}
	return cells{cell(names), cell(units)}
}
