package waits

import (
	"cmp"
	"time"

	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
)

// Row is a thread that waits for somebody, or a thread that others wait for.
type Row struct {
	relate.Node
	ref, parent schema.Ref
	process     *proc.Process
	says        string
	on          []schema.Ref // all objects that it waits for; a poll has several
	enders      schema.Value
	waiting     schema.Value // since it last ran
	serves      bool         // it waits for any request
	left        bool         // it waits for a lock of its own process that no thread of the process can give back
	background  bool
	stack       schema.Value
}

// Objects lists all objects that the thread waits for; a poll has several.
func (r *Row) Objects() []schema.Ref { return r.on }

// needs is nearly all that the walk can read: a thread may wait for nearly anything.
const needs = proc.NeedEveryone | proc.NeedProcs | proc.NeedStatus | proc.NeedCalls |
	proc.NeedSyscall | proc.NeedFDs | proc.NeedFDModes | proc.NeedFDFiles | proc.NeedFDInfo | proc.NeedMaps |
	proc.NeedLocks | proc.NeedTTYs | kinds.NeedSockets

// Mechanism declares the kind wait.
func Mechanism() *kinds.Mechanism {
	return &kinds.Mechanism{
		Kind: schema.Wait, Family: kinds.Waits, Title: "Waits",
		Help: "who waits on whom: blocked threads, on what object, since when, who could end it, " +
			"and whether anybody can",
		Columns: columns(),
		Default: []string{"status", "waiting", "proof", "says"}, OnDemand: []string{"stack"},
		Costs:   []schema.Cost{{Need: NeedStack, Name: "stacks and symbols"}},
		Needs:   needs,
		Collect: collect,
		Relate:  relateRows,
		// A thread may wait for objects of all these kinds. A kind is listed when the first thread waits for it.
		Requires: []schema.Kind{schema.Msg, schema.Sem, schema.Shm, schema.PMsg, schema.PSem, schema.PShm, schema.Memfd,
			schema.Mmap,
			schema.Unix, schema.Inet, schema.Pty, schema.Lock},
		Info: []schema.Kind{schema.Epoll, schema.EventFD, schema.PidFD, schema.Pty},
		Diagnose: func(t *proc.Tick, objects []*schema.Object) []schema.Finding {
			return append(lastVerdicts(t).findings(), blockedFindings(t, objects)...)
		},
		Pending:    func(t *proc.Tick) bool { return lastVerdicts(t).pending() },
		Label:      func(o *schema.Object) string { return o.Row.(*Row).Task.Comm },
		Parent:     func(o *schema.Object) schema.Ref { return o.Row.(*Row).parent },
		Tree:       "says",
		Subject:    func(o *schema.Object) schema.Ref { return o.Row.(*Row).Task.Proc },
		Background: func(o *schema.Object) bool { return o.Row.(*Row).background }, Quiet: true,
		Hidden: "threads that wait for whatever comes",
		Alarm:  func(o *schema.Object) bool { return o.Row.(*Row).Status.Bad() },
	}
}

func columns() []schema.Column {
	type row = Row
	col := func(id string, typ schema.Type, width int, help string, get func(*row) schema.Value) schema.Column {
		return schema.Col(id, typ, width, needs, help, get)
	}
	// asleep makes a column whose cells are empty for threads that do not wait.
	asleep := func(id string, typ schema.Type, width int, help string, get func(*row) schema.Value) schema.Column {
		return col(id, typ, width, help, func(r *row) schema.Value {
			if r.Task.Activity != relate.Waiting {
				return schema.None(typ)
			}
			return get(r)
		})
	}
	return []schema.Column{
		col("status", schema.TypeString, 8,
			"deadlock: on a circle of waits without a way out; stuck: nobody is left who could end it; "+
				"hangs: behind such a one; stopped: a stopped process keeps it; timed: ends by itself; "+
				"open: anybody may end it; waits: for somebody who is free to; runs: waits for nobody, others for it",
			func(r *row) schema.Value { return schema.String(string(r.Status)) }),
		col("proof", schema.TypeString, 8,
			"of deadlock, stuck, hangs and stopped: observed, or inferred where the kernel does not say who holds "+
				"what is waited for",
			(*row).verdictProof),
		asleep("waiting", schema.TypeDuration, 7, "how long it has not run, as far as the kernel tells",
			func(r *row) schema.Value { return r.waiting }),
		asleep("since", schema.TypeTime, 12, "when it last ran, as far as the kernel tells: since then it sleeps",
			func(r *row) schema.Value { return schema.Time(r.Task.Wait.Since) }),
		asleep("timeout", schema.TypeDuration, 7, "how long it was told to wait in all", func(r *row) schema.Value {
			if r.Task.Wait.Timeout == 0 {
				return schema.None(schema.TypeDuration)
			}
			return schema.Duration(r.Task.Wait.Timeout)
		}),
		col("pid", schema.TypeInt, 7, "its process",
			func(r *row) schema.Value { return schema.Int(int64(r.process.PID)) }),
		col("tid", schema.TypeInt, 7, "the thread", func(r *row) schema.Value { return schema.Int(int64(r.Task.TID)) }),
		col("comm", schema.TypeString, 16, "command name of its process",
			func(r *row) schema.Value { return schema.String(r.Task.Comm) }),
		asleep("call", schema.TypeString, 10, "the system call that it sleeps in",
			func(r *row) schema.Value { return kinds.WordValue(r.Task.Wait.Call) }),
		asleep("via", schema.TypeString, 16, "the call in words",
			func(r *row) schema.Value { return kinds.WordValue(r.Task.Wait.Via) }),
		asleep("object", schema.TypeRef, 14, "what it waits for; the first of several", func(r *row) schema.Value {
			if r.Task.Wait.On.IsZero() {
				return schema.None(schema.TypeRef)
			}
			return schema.RefValue(r.Task.Wait.On)
		}),
		asleep("objects", schema.TypeList, 14, "all that it waits for: a poll waits for any of several",
			func(r *row) schema.Value {
				words := make([]string, len(r.on))
				for i, ref := range r.on {
					words[i] = ref.String()
				}
				return schema.List(words)
			}),
		asleep("enders", schema.TypeEndpoints, 24,
			"processes that could end the wait; their mode is what they are to the object; "+
				"JSON and CSV name the first 100, enders_total in JSON counts longer lists",
			func(r *row) schema.Value { return r.enders }),
		asleep("others", schema.TypeString, 20, "who else could end it, in words; blank for nobody",
			func(r *row) schema.Value { return kinds.WordValue(r.Task.Wait.Open) }),
		schema.Col("stack", schema.TypeList, 40, needs|NeedStack, "where it waits: in the kernel (as root), "+
			"the innermost function first, then the likely places in its program, by the program's symbols",
			func(r *row) schema.Value { return r.stack }),
		col("says", schema.TypeString, 50, "the wait in a sentence",
			func(r *row) schema.Value { return schema.String(r.says) }).Titled("WAITS"),
	}
}

func collect(t *proc.Tick) ([]*schema.Object, error) {
	g := newGraph(t)
	tasks := g.tasks()
	g.dropOnlookers(tasks)
	solved := relate.Solve(tasks)
	if solved.Pending() && g.addDoubts(solved, tasks) {
		solved = relate.Solve(tasks)
	}
	if solved.Pending() && g.dropAwake(solved, tasks) {
		solved = relate.Solve(tasks)
	}
	solved = g.confirmed(solved, tasks)
	rows, objects := kinds.NewObjects[Row](len(solved.Nodes))
	stacks := newStacks(t)
	for i := range solved.Nodes {
		n := &solved.Nodes[i]
		r := &rows[i]
		*r = Row{Node: *n, ref: threadRef(n.Task), process: t.Process(int(n.Task.Proc.ID)), says: solved.Says(i),
			on: g.on[n.Task.Thread], serves: g.serves[n.Task.Thread],
			left: g.left[n.Task.Thread], background: true}
		if n.Parent >= 0 {
			r.parent = threadRef(solved.Nodes[n.Parent].Task)
		}
		r.stack = stacks.of(r.process, n, r.ref)
		r.enders, r.waiting = g.cell(t, n.Task.Wait.Enders), schema.None(schema.TypeDuration)
		if s := n.Task.Wait.Since; !s.IsZero() {
			r.waiting = schema.Duration(max(0, t.Now.Sub(s)).Truncate(time.Second))
		}
		objects[i].Ref = r.ref
	}
	showCauses(rows)
	return objects, nil
}

// verdictProof is the proof of a verdict that nobody will wake the thread. It is empty for other verdicts.
func (r *Row) verdictProof() schema.Value {
	if !r.Status.Bad() {
		return schema.None(schema.TypeString)
	}
	return schema.String(string(r.Node.Proof))
}

// threadRef is the reference of a thread. Its Gen is the start time of the process, in place of the thread's own.
func threadRef(t *relate.Task) schema.Ref {
	return schema.Ref{Kind: schema.Wait, ID: uint64(t.TID), Gen: t.Proc.Gen}
}

// worthShowing is false for what every machine has in large numbers: loops that wait for any request, idle threads of a
// pool, shells that wait for their children.
func (r *Row) worthShowing() bool {
	if r.Status.Bad() || r.left || r.blocked() {
		return true
	}
	if r.Task.Activity != relate.Waiting || r.serves {
		return false
	}
	if len(r.on) == 0 {
		return proc.Locking(r.Task.Wait.Call)
	}
	return r.on[0].Kind != schema.Proc
}

// relateRows makes an edge from each waiting process to each object that it waits for. It also makes an edge from each
// ender to the object, except from weak ones. Waits for one object share their list of enders. Its edges are made once:
// else a thousand readers of a pipe that they inherited make a million edges.
func relateRows(_ *proc.Tick, objects []*schema.Object, add func(schema.Edge)) {
	type shared struct {
		list listID
		on   schema.Ref
	}
	done := map[shared]bool{}
	for _, o := range objects {
		r := o.Row.(*Row)
		if r.Task.Activity != relate.Waiting {
			continue
		}
		for _, on := range r.on {
			add(schema.Edge{From: r.Task.Proc, To: on, Rel: schema.RelWaitsOn,
				Via: schema.InWords(r.Task.Wait.Via), Proof: schema.Observed})
		}
		if w := &r.Task.Wait; len(w.Enders) > 0 {
			list := shared{idOf(w.Enders), w.On}
			if done[list] {
				continue
			}
			done[list] = true
		}
		for _, e := range r.Task.Wait.Enders {
			if on := cmp.Or(e.On, r.Task.Wait.On); !on.IsZero() && on != e.Proc && !e.Weak {
				add(schema.Edge{From: e.Proc, To: on, Rel: schema.RelCouldEnd, Via: schema.InWords(e.How),
					Proof: e.Proof})
			}
		}
	}
}
