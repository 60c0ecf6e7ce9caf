package kinds

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/ipctop/ipctop/collect/kernel/namespace"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// NSRow is a namespace.
type NSRow struct {
	*proc.Space
	own       bool
	leader    *ProcRow // nil: no process is in it
	container schema.Value
	owner     schema.Value
	ownerUID  schema.Value
	holder    schema.Value
}

const nsColumnNeeds = proc.NeedProcs | proc.NeedFDs | proc.NsNeeds

// NS is the Mechanism of namespaces.
func NS() *Mechanism {
	return &Mechanism{
		Kind: schema.NS, Family: Namespaces, Title: "Namespaces",
		Help: "namespaces of every type: who is in them, who owns them, and what keeps those alive " +
			"that nobody is in",
		Descriptor: &proc.Descriptor{Kind: schema.NS, Walked: []proc.FDKind{proc.FDNamespace}},
		Columns:    nsColumns(),
		Default:    []string{"type", "nprocs", "pid", "user", "owner", "container", "nsfs", "command"},
		Needs:      nsColumnNeeds,
		Collect:    collectNamespaces,
		Relate:     relateNamespaces,
		Label: func(o *schema.Object) string {
			r := o.Row.(*NSRow)
			if r.leader == nil {
				return r.Type
			}
			return r.Type + " of " + r.leader.Comm
		},
	}
}

func nsColumns() []schema.Column {
	type row = NSRow
	col := schema.Col[row]
	lead := func(id string, typ schema.Type, width int, needs schema.Need, help string,
		get func(*ProcRow) schema.Value) schema.Column {
		return col(id, typ, width, nsColumnNeeds|needs, help, func(r *row) schema.Value {
			if r.leader == nil {
				return schema.None(typ)
			}
			return get(r.leader)
		})
	}
	return []schema.Column{
		col("ns", schema.TypeInt, 10, nsColumnNeeds, "inode of the namespace, as in /proc/PID/ns",
			func(r *row) schema.Value { return schema.Int(int64(r.Ino)) }),
		col("type", schema.TypeString, 6, nsColumnNeeds, "mnt, uts, ipc, pid, net, user, cgroup or time",
			func(r *row) schema.Value { return schema.String(r.Type) }),
		col("nprocs", schema.TypeInt, 6, nsColumnNeeds, "processes with a thread in it, as far as they could "+
			"be looked into",
			func(r *row) schema.Value { return schema.Int(int64(r.Procs)) }),
		lead("pid", schema.TypeInt, 7, 0, "the first process in it",
			func(p *ProcRow) schema.Value { return schema.Int(int64(p.PID)) }),
		lead("ppid", schema.TypeInt, 7, 0, "parent of the first process in it",
			func(p *ProcRow) schema.Value { return schema.Int(int64(p.PPID)) }),
		lead("comm", schema.TypeString, 16, 0, "command name of the first process in it",
			func(p *ProcRow) schema.Value { return schema.String(p.Comm) }),
		lead("uid", schema.TypeInt, 6, proc.NeedStatus, "effective user id of the first process in it",
			func(p *ProcRow) schema.Value {
				if !p.StatusKnown {
					return schema.Uncollected(schema.TypeInt)
				}
				return schema.Int(int64(p.Status.UID[1]))
			}),
		lead("user", schema.TypeString, 9, proc.NeedStatus, "name of that user", func(p *ProcRow) schema.Value {
			if !p.StatusKnown {
				return schema.Uncollected(schema.TypeString)
			}
			return schema.String(p.user)
		}),
		col("owner_uid", schema.TypeInt, 6, nsColumnNeeds,
			"id of the user who made the user namespace that owns it; blank where that user is outside of ours",
			func(r *row) schema.Value { return r.ownerUID }),
		col("owner", schema.TypeString, 9, nsColumnNeeds, "name of the user who made the user namespace that owns it",
			func(r *row) schema.Value { return r.owner }),
		col("own", schema.TypeBool, 5, nsColumnNeeds, "whether it is ipctop's own",
			func(r *row) schema.Value { return schema.Bool(r.own) }),
		col("container", schema.TypeString, 12, nsColumnNeeds,
			"container of the first process in it, as far as its control group tells",
			func(r *row) schema.Value { return r.container }),
		col("nsfs", schema.TypeString, 20, nsColumnNeeds, "where it is mounted", func(r *row) schema.Value {
			if r.Mount == "" {
				return schema.None(schema.TypeString)
			}
			return schema.String(r.Mount)
		}),
		col("holders", schema.TypeEndpoints, 24, nsColumnNeeds,
			"of a namespace that no process is in: a descriptor that keeps it alive",
			func(r *row) schema.Value { return r.holder }),
		lead("command", schema.TypeString, 40, proc.NeedCmdline, "command line of the first process in it",
			func(p *ProcRow) schema.Value { return p.Args() }),
	}
}

func collectNamespaces(t *proc.Tick) ([]*schema.Object, error) {
	var objects []*schema.Object
	containers := map[*proc.Process]schema.Value{}
	for _, typ := range namespace.Types() {
		for _, s := range t.Spaces(typ) {
			r := &NSRow{Space: s, own: t.OwnSpace(typ) == s.Ino, container: schema.None(schema.TypeString),
				holder: schema.None(schema.TypeEndpoints)}
			if s.Leader != nil {
				r.leader = procObject(t, s.Leader).Row.(*ProcRow)
				if _, ok := containers[s.Leader]; !ok {
					containers[s.Leader] = WordValue(t.ContainerName(s.Leader))
				}
				r.container = containers[s.Leader]
			} else if s.FD != nil {
				r.holder = schema.Endpoints([]schema.Endpoint{t.UseEndpoint(*s.FD, "")}, false)
			}
			nsOwner(t, r)
			objects = append(objects, &schema.Object{Ref: schema.Ref{Kind: schema.NS, ID: s.Ino}, Row: r})
		}
	}
	return objects, nil
}

// nsOwner asks the kernel for the owner of the namespace. If the owner is outside our user namespace, the kernel
// returns EPERM. Here EPERM is no lack of rights.
func nsOwner(t *proc.Tick, r *NSRow) {
	r.ownerUID, r.owner = schema.None(schema.TypeInt), schema.None(schema.TypeString)
	if uid, err := t.Host.NamespaceOwner(r.Namespace); err == nil {
		r.ownerUID, r.owner = schema.Int(int64(uid)), schema.String(t.Users.User(uid))
	}
}

// relateNamespaces relates each process to its namespaces, except our own ones: almost every process is in those.
func relateNamespaces(t *proc.Tick, objects []*schema.Object, add func(schema.Edge)) {
	refs := map[namespace.Namespace]schema.Ref{}
	var edges []schema.Edge
	for _, o := range objects {
		r := o.Row.(*NSRow)
		if !r.own {
			refs[namespace.Namespace{Type: r.Type, Ino: r.Ino}] = o.Ref
		}
		for _, e := range r.holder.Endpoints() {
			edges = append(edges,
				schema.Edge{From: e.Ref(), To: o.Ref, Rel: schema.RelHolds, Via: schema.InWords("descriptor"),
					Proof: schema.Observed})
		}
	}
	types := namespace.Types()
	for _, p := range t.Processes() {
		for i, ino := range p.NS {
			if ref, ok := refs[namespace.Namespace{Type: types[i], Ino: ino}]; ok {
				edges = append(edges,
					schema.Edge{From: p.Ref(), To: ref, Rel: schema.RelHolds, Via: schema.InWords("is in it"),
						Proof: schema.Observed})
			}
		}
		for _, s := range p.ThreadNS {
			if ref, ok := refs[namespace.Namespace{Type: s.Type, Ino: s.Ino}]; ok {
				edges = append(edges, schema.Edge{From: p.Ref(), To: ref, Rel: schema.RelHolds,
					Via: schema.InWords(fmt.Sprintf("thread %d is in it", s.TID)), Proof: schema.Observed})
			}
		}
	}
	slices.SortStableFunc(edges, func(a, b schema.Edge) int { return cmp.Compare(a.To.ID, b.To.ID) })
	for _, e := range edges {
		add(e)
	}
}
