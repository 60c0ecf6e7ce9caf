package kinds

import (
	"bytes"
	"strconv"
	"time"

	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// ProcRow is a process with the facts of its columns.
type ProcRow struct {
	*proc.Process
	Parent        schema.Ref
	Started       time.Time
	cpu           float64
	user, ruser   string // effective user, as in ps, and real user
	group, rgroup string
	counted       bool // FDCount is wanted
	cmdlines      bool // Cmdline is wanted
	suser, sgroup string
	detail        *procDetail // nil: not wanted
	threads       *procThreads
}

// Proc is the Mechanism of processes.
func Proc() *Mechanism {
	return &Mechanism{
		Kind: schema.Proc, Family: Processes, Title: "Processes",
		Ends:    "a process is not removed: end it with ipctop signal TERM REF",
		Help:    "the process tree: state, owners, command lines, and how many descriptors each holds",
		Costs:   []schema.Cost{{Need: NeedProcDetail, Name: "process details"}, {Need: NeedThreads, Name: "threads"}},
		Columns: append(procColumns(), procDetailColumns()...), OnDemand: procOnDemand(),
		Default: []string{"pid", "ppid", "user", "state", "ni", "nlwp", "rss", "pcpu", "start", "tty", "fds",
			"comm", "args"},
		Needs:   proc.NeedProcs,
		Collect: collectProcs,
		Relate:  relateProcs,
		Label:   func(o *schema.Object) string { return o.Row.(*ProcRow).Comm },
		Parent:  func(o *schema.Object) schema.Ref { return o.Row.(*ProcRow).Parent }, Tree: "comm",
		Background: func(o *schema.Object) bool {
			return o.Row.(*ProcRow).KernelThread()
		},
		Hidden: "kernel threads",
	}
}

func procColumns() []schema.Column {
	type row = ProcRow
	col := schema.Col[row]
	const procs, status = proc.NeedProcs, proc.NeedProcs | proc.NeedStatus
	num := func(id string, width int, help string, get func(*row) int) schema.Column {
		return col(id, schema.TypeInt, width, procs, help,
			func(r *row) schema.Value { return schema.Int(int64(get(r))) })
	}
	id := func(id, help string, get func(*process.ProcStatus) uint32) schema.Column {
		return col(id, schema.TypeInt, 6, status, help, func(r *row) schema.Value {
			if !r.StatusKnown {
				return schema.Uncollected(schema.TypeInt)
			}
			return schema.Int(int64(get(&r.Status)))
		})
	}
	name := func(id, help string, get func(*row) string) schema.Column {
		return col(id, schema.TypeString, 9, status, help, func(r *row) schema.Value {
			if !r.StatusKnown {
				return schema.Uncollected(schema.TypeString)
			}
			return schema.String(get(r))
		})
	}
	return []schema.Column{
		num("pid", 7, "process id", func(r *row) int { return r.PID }),
		num("ppid", 7, "pid of the parent", func(r *row) int { return r.PPID }),
		num("pgid", 7, "process group", func(r *row) int { return r.PGID }),
		num("sid", 7, "session", func(r *row) int { return r.SID }),
		col("tty", schema.TypeString, 7, procs, "controlling terminal",
			func(r *row) schema.Value { return ttyName(r.TTY) }),
		col("state", schema.TypeString, 5, procs,
			"ps's letter: R running, S sleeping, D uninterruptible, T stopped, t traced, Z zombie, I idle",
			func(r *row) schema.Value { return schema.String(string(rune(r.State))) }).Titled("S"),
		num("nlwp", 4, "number of threads", func(r *row) int { return r.Threads }),
		name("user", "name of the effective user", func(r *row) string { return r.user }),
		name("ruser", "name of the real user", func(r *row) string { return r.ruser }),
		id("uid", "effective user id", func(s *process.ProcStatus) uint32 { return s.UID[1] }),
		id("ruid", "real user id", func(s *process.ProcStatus) uint32 { return s.UID[0] }),
		name("group", "name of the effective group", func(r *row) string { return r.group }),
		name("rgroup", "name of the real group", func(r *row) string { return r.rgroup }),
		id("gid", "effective group id", func(s *process.ProcStatus) uint32 { return s.GID[1] }),
		id("rgid", "real group id", func(s *process.ProcStatus) uint32 { return s.GID[0] }),
		id("suid", "saved user id, to which it may go back", func(s *process.ProcStatus) uint32 { return s.UID[2] }),
		name("suser", "name of the saved user", func(r *row) string { return r.suser }),
		id("sgid", "saved group id", func(s *process.ProcStatus) uint32 { return s.GID[2] }),
		name("sgroup", "name of the saved group", func(r *row) string { return r.sgroup }),
		col("cls", schema.TypeString, 3, procs,
			"scheduling class, as ps has it: TS usual, FF and RR real-time, B batch, IDL idle, DLN deadline",
			func(r *row) schema.Value {
				if !r.HasPolicy {
					return schema.None(schema.TypeString)
				}
				return schema.String(process.SchedClass(r.Policy))
			}),
		col("rtprio", schema.TypeInt, 6, procs, "real-time priority", func(r *row) schema.Value {
			if r.RTPrio == 0 {
				return schema.None(schema.TypeInt)
			}
			return schema.Int(int64(r.RTPrio))
		}),
		num("ni", 3, "nice value", func(r *row) int { return r.Nice }),
		col("start", schema.TypeTime, 9, procs, "when it started",
			func(r *row) schema.Value { return schema.Time(r.Started) }),
		col("rss", schema.TypeBytes, 7, procs, "resident memory", func(r *row) schema.Value {
			return schema.Bytes(uint64(max(0, r.RSS)) * sys.PageSize())
		}),
		col("pcpu", schema.TypeFloat, 5, procs,
			"percent of one CPU since the last refresh; in a single snapshot, over its life",
			func(r *row) schema.Value { return schema.Float(r.cpu) }).Titled("%CPU"),
		col("time", schema.TypeDuration, 9, procs, "CPU time used, user and system", func(r *row) schema.Value {
			return schema.Duration(time.Duration(r.UTime+r.STime) * (time.Second / sys.ClockTick))
		}),
		col("fds", schema.TypeInt, 5, proc.NeedProcs|proc.NeedFDCount,
			"number of open file descriptors; a thread's own table is not counted", fdCount),
		col("kthread", schema.TypeBool, 5, procs, "whether it is a kernel thread",
			func(r *row) schema.Value { return schema.Bool(r.KernelThread()) }),
		col("comm", schema.TypeString, 16, procs, "command name, 15 bytes at most, as the process set it",
			func(r *row) schema.Value { return schema.String(r.Comm) }),
		col("args", schema.TypeString, 40, proc.NeedProcs|proc.NeedCmdline,
			"command line; in brackets the command name where there is none",
			func(r *row) schema.Value { return r.Args() }).Titled("COMMAND"),
	}
}

func fdCount(r *ProcRow) schema.Value {
	switch {
	case !r.counted:
		return schema.Uncollected(schema.TypeInt)
	case sys.Denied(r.FDCountErr):
		return schema.Refused(schema.TypeInt)
	case r.FDCountErr != nil:
		return schema.None(schema.TypeInt)
	}
	return schema.Int(int64(r.FDCount))
}

// Args is the command line with spaces between the arguments. A process without arguments shows its name in brackets.
func (r *ProcRow) Args() schema.Value {
	switch {
	case !r.cmdlines:
		return schema.Uncollected(schema.TypeString)
	case len(r.Cmdline) == 0:
		return schema.String("[" + r.Comm + "]")
	}
	return schema.String(string(bytes.ReplaceAll(bytes.TrimRight(r.Cmdline, "\x00"), []byte{0}, []byte{' '})))
}

// ttyName is the name of a terminal by its device number (Documentation/admin-guide/devices.txt).
func ttyName(dev int) schema.Value {
	// The minor number is in bits 31..20 and 7..0, the major number in bits 15..8 (man 5 proc_pid_stat; new_encode_dev
	// in include/linux/kdev_t.h).
	major, minor := uint32(dev)>>8&0xfff, uint32(dev)&0xff|uint32(dev)>>12&0xfff00
	n := strconv.FormatUint(uint64(minor), 10)
	switch {
	case dev == 0:
		return schema.None(schema.TypeString)
	case major >= 136 && major <= 143:
		return schema.String("pts/" + strconv.FormatUint(uint64((major-136)*256+minor), 10))
	case major == 4 && minor < 64:
		return schema.String("tty" + n)
	case major == 4:
		return schema.String("ttyS" + strconv.FormatUint(uint64(minor-64), 10))
	case major == 204:
		return schema.String("ttyAMA" + strconv.FormatUint(uint64(minor-64), 10))
	case major == 229:
		return schema.String("hvc" + n)
	}
	return schema.String(strconv.FormatUint(uint64(major), 10) + ":" + n)
}

// collectProcs lists the processes in the order of the tree: a parent, then its children by pid.
func collectProcs(t *proc.Tick) ([]*schema.Object, error) {
	children := map[int][]*proc.Process{}
	var roots []*proc.Process
	for _, p := range t.Processes() {
		if t.Process(p.PPID) == nil {
			roots = append(roots, p)
		} else {
			children[p.PPID] = append(children[p.PPID], p)
		}
	}
	objects := make([]*schema.Object, 0, len(t.Processes()))
	listed := make(map[*proc.Process]bool, len(t.Processes()))
	var add func(p *proc.Process)
	add = func(p *proc.Process) {
		listed[p] = true
		objects = append(objects, procObject(t, p))
		for _, c := range children[p.PID] {
			if !listed[c] {
				add(c)
			}
		}
	}
	for _, p := range roots {
		add(p)
	}
	// The rest are circles: a pid was reused between the reads of two parents. One process of each circle becomes a
	// root.
	for _, p := range t.Processes() {
		if !listed[p] {
			at := len(objects)
			add(p)
			objects[at].Row.(*ProcRow).Parent = schema.Ref{}
		}
	}
	sockets := socketNames{host: t.Host}
	for _, o := range objects {
		procDetails(t, o.Row.(*ProcRow), &sockets)
	}
	return objects, nil
}

func procObject(t *proc.Tick, p *proc.Process) *schema.Object {
	r := &ProcRow{Process: p, Started: t.StartTime(p.Start), cpu: t.CPUPercent(p),
		counted: t.Needs.Has(proc.NeedFDCount), cmdlines: t.Needs.Has(proc.NeedCmdline)}
	if parent := t.Process(p.PPID); parent != nil {
		r.Parent = parent.Ref()
	}
	if p.StatusKnown {
		r.user, r.ruser = t.Users.User(p.Status.UID[1]), t.Users.User(p.Status.UID[0])
		r.group, r.rgroup = t.Users.Group(p.Status.GID[1]), t.Users.Group(p.Status.GID[0])
		r.suser, r.sgroup = t.Users.User(p.Status.UID[2]), t.Users.Group(p.Status.GID[2])
	}
	return &schema.Object{Ref: p.Ref(), Row: r}
}

func relateProcs(_ *proc.Tick, objects []*schema.Object, add func(schema.Edge)) {
	for _, o := range objects {
		if parent := o.Row.(*ProcRow).Parent; !parent.IsZero() {
			add(schema.Edge{From: parent, To: o.Ref, Rel: schema.RelParent, Proof: schema.Observed})
		}
	}
}
