package leaks

import (
	"cmp"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"time"

	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sock"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/collect/software"
)

const (
	NeedPaths   schema.Need = 1 << 28 // a look through the directories of the running system for FIFOs and sockets
	NeedVerdict schema.Need = 1 << 29 // who uses, used or could know each object: readlink of exe of older processes
)

// verdictNote is where an object's verdict stands.
var verdictNote = schema.NewNote[judged]()

// judged is an object's verdict.
type judged struct {
	relate.Judgement
	none bool // the object goes away with its users
}

// VerdictOf is the verdict on an object with its reasons; nil where nobody asked for one, or none applies.
func VerdictOf(o *schema.Object) *relate.Judgement {
	if j := verdictNote.Of(o); j != nil && !j.none {
		return &j.Judgement
	}
	return nil
}

// verdictNeeds are what every kind's verdict takes besides what tells who uses the object.
const verdictNeeds = NeedVerdict | proc.NeedEveryone | proc.NeedProcs | proc.NeedStatus

// Aspect tells of each object that can outlive its users whether it is leaked.
func Aspect() kinds.Aspect {
	return kinds.Aspect{
		Name: "leaks",
		Of: map[schema.Kind]schema.Need{
			schema.Msg: msgLeakNeeds, schema.Sem: semLeakNeeds, schema.Shm: shmLeakNeeds,
			schema.PMsg: kinds.PmsgNeeds, schema.PSem: proc.FileUserNeeds, schema.PShm: proc.FileUserNeeds,
			schema.Fifo: fifoLeakNeeds, schema.Unix: unixLeakNeeds,
		},
		Columns:  columns,
		OnDemand: []string{"verdict", "reasons", "age"},
		First:    true,
		Costs:    []schema.Cost{{Need: NeedPaths, Name: "runtime directories"}, {Need: NeedVerdict, Name: "verdicts"}},
		Adds:     addStale,
		Fill:     judgeAll,
		Diagnose: findings,
	}
}

// IDs are the columns of a verdict.
func IDs() []string { return []string{"verdict", "reasons"} }

// columns are those of a verdict that takes these needs.
func columns(kind schema.Kind, needs schema.Need) []schema.Column {
	cell := func(typ schema.Type, known func(*judged) schema.Value) func(*schema.Object) schema.Value {
		return func(o *schema.Object) schema.Value {
			switch j := verdictNote.Of(o); {
			case j == nil:
				return schema.Uncollected(typ)
			case j.none:
				return schema.None(typ)
			default:
				return known(j)
			}
		}
	}
	return append(staleColumns(kind), []schema.Column{
		{ID: "verdict", Type: schema.TypeString, Width: 9, Needs: needs | verdictNeeds,
			Help: "live: in use; protected: meant to be there unused; idle: a known user lives; orphan: unused, nobody known " +
				"to have used it lives, nobody is left who could know it; suspect: not all of that proven; unknown: rights or " +
				"sight are missing to tell",
			Get: cell(schema.TypeString, func(j *judged) schema.Value { return schema.String(string(j.Verdict)) })},
		{ID: "reasons", Type: schema.TypeList, Width: 60, Needs: needs | verdictNeeds,
			Help: "the facts behind the verdict, a sentence each",
			Get:  cell(schema.TypeList, func(j *judged) schema.Value { return schema.List(j.Reasons) })},
	}...)
}

// judgeAll puts the verdicts on the objects of a kind, as far as somebody asked. needs are what their evidence takes.
func judgeAll(t *proc.Tick, kind schema.Kind, needs schema.Need, objects []*schema.Object) {
	verdicts := make([]judged, len(objects))
	for i, o := range objects {
		none := judgesNot(o)
		if !none && !t.Gathered(o.Ref, needs|verdictNeeds) {
			continue
		}
		v := &verdicts[i]
		if v.none = none; !none {
			v.Judgement = tickOf(t).judge(o)
		}
		verdictNote.Set(o, v)
	}
}

// judgesNot tells the objects without a verdict: a socket without a path goes away with its users, and a FIFO or
// socket in /dev/shm has its verdict as what it is.
func judgesNot(o *schema.Object) bool {
	switch r := o.Row.(type) {
	case *kinds.UnixRow:
		return r.Naming != sock.UnixPath
	case *kinds.PShmRow:
		return r.Mode&(fs.ModeNamedPipe|fs.ModeSocket) != 0
	}
	return false
}

// judge gives the verdict on one object.
func (l *tick) judge(o *schema.Object) relate.Judgement {
	switch r := o.Row.(type) {
	case *kinds.MsgRow:
		return l.judgeKeyed(r.IPCPerm, l.msgEvidence(o, r))
	case *kinds.SemRow:
		return l.judgeKeyed(r.IPCPerm, l.semEvidence(o, r))
	case *kinds.ShmRow:
		return l.judgeKeyed(r.IPCPerm, l.shmEvidence(o, r))
	case *kinds.PMsgRow:
		return relate.Judge(l.queueEvidence(o, r))
	case *kinds.PSemRow:
		return relate.Judge(l.fileEvidence(o, &r.PosixRow))
	case *kinds.PShmRow:
		return relate.Judge(l.fileEvidence(o, &r.PosixRow))
	case *kinds.PipeRow:
		return relate.Judge(l.fifoEvidence(o, r))
	case *kinds.UnixRow:
		return relate.Judge(l.socketEvidence(o, r))
	}
	panic(fmt.Sprintf("%s: no evidence is known for its kind", o.Ref))
}

// tick is what the verdicts of one tick have in common.
type tick struct {
	*proc.Tick
	// who could know an object of that user, by how old their memory is; a process is with each of its uids
	byUID      map[uint32][]*proc.Process
	memory     map[*proc.Process]memory
	groups     map[int][]*proc.Process // by the leader of their process group and of their session
	unreadUIDs []*proc.Process         // their uids are not known
	bystander  map[*proc.Process]bool
	ipc, shm   relate.Sight // of the reader's own IPC namespace, and of /dev/shm
	skew       time.Duration
	noatime    bool   // of /dev/shm
	shmDev     string // of /dev/shm, as FormatDev has it; "": not known

	// What a verdict may take is looked at when the first one does.
	dropped   func() []*proc.Process            // see listDropped
	byGID     func() map[uint32][]*proc.Process // see listMembers
	calls     func() relate.Sight               // see callSight
	loopFiles func() map[string]string          // files of loop devices by device
	paths     func() *runtimePaths
	tmpfiles  func() *tmpfiles
	private   *privateMaps // nil: nobody asked yet
}

// leaking indexes the processes once a tick.
func tickOf(t *proc.Tick) *tick { return proc.Memo(t, newTick) }

func newTick(t *proc.Tick) *tick {
	l := &tick{Tick: t, byUID: map[uint32][]*proc.Process{}, groups: map[int][]*proc.Process{},
		bystander: map[*proc.Process]bool{}, memory: map[*proc.Process]memory{}}
	l.dropped, l.byGID = sync.OnceValue(l.listDropped), sync.OnceValue(l.listMembers)
	l.calls, l.loopFiles = sync.OnceValue(l.callSight), sync.OnceValue(t.Host.LoopFiles)
	l.paths, l.tmpfiles = sync.OnceValue(l.runtimeFiles), sync.OnceValue(l.readTmpfiles)
	l.skew = l.clockSkew()
	l.findBystanders()
	for _, p := range t.Processes() {
		if p.Gone() || l.bystander[p] {
			continue
		}
		if !p.StatusKnown {
			if !t.Host.Live() || process.ProcessExists(p.PID) {
				l.unreadUIDs = append(l.unreadUIDs, p)
			}
			continue
		}
		l.memoryOf(p)
		l.groups[p.PGID] = append(l.groups[p.PGID], p)
		if p.SID != p.PGID {
			l.groups[p.SID] = append(l.groups[p.SID], p)
		}
		for i, uid := range p.Status.UID {
			if !slices.Contains(p.Status.UID[:i], uid) {
				l.byUID[uid] = append(l.byUID[uid], p)
			}
		}
	}
	for _, list := range l.byUID {
		l.byMemory(list)
	}
	l.ipc, l.shm = l.ipcSight(), l.shmSight()
	return l
}

// byMemory sorts processes by how old their memory is.
func (l *tick) byMemory(list []*proc.Process) {
	slices.SortFunc(list, func(a, b *proc.Process) int {
		return cmp.Or(cmp.Compare(l.memory[a].start, l.memory[b].start), cmp.Compare(a.PID, b.PID))
	})
}

// older is how many of a list of tick.byUID have memory of a moment. Where the time of the boot is not known, all do.
func (l *tick) older(list []*proc.Process, limit time.Time) int {
	n, _ := slices.BinarySearchFunc(list, limit, func(p *proc.Process, limit time.Time) int {
		if l.StartTime(l.memory[p].start).After(limit) {
			return 1
		}
		return -1
	})
	return n
}

// lastMoment is until when a process may seem to have started that was there at a moment.
func (l *tick) lastMoment(t time.Time) time.Time {
	return t.Add(proc.StartDoubt + l.doubt(l.Now, t))
}

// elders finds the processes that could know an object of these users, each once: those that started before its last
// use, or have their memory of one that did. In doubt a process did.
func (l *tick) elders(e *relate.Evidence, uids ...uint32) {
	limit := l.lastMoment(e.LastUse)
	seen := map[*proc.Process]bool{}
	var unsure []*proc.Process
	tell := func(p *proc.Process, uid uint32, why string) {
		switch {
		case seen[p]:
		case l.known(p).program == seemsToStandBy:
			unsure = append(unsure, p)
		case e.Another():
			e.Elders = append(e.Elders, relate.Elder{Who: l.processUser(p, uid), Why: why})
		}
		seen[p] = true
	}
	for i, uid := range uids {
		list := l.byUID[uid]
		list = list[:l.older(list, limit)]
		last := i == len(uids)-1
		for n, p := range list {
			if i == 0 && last && len(e.Elders) == relate.MostElders {
				e.MoreElders += len(list) - n // one user's processes are told apart already
				break
			}
			tell(p, uid, l.recalls(p, e.LastUse))
		}
	}
	for _, u := range e.Past {
		if u.Fate != relate.FateDead || len(e.Elders) > 0 {
			continue
		}
		for _, p := range l.groups[u.PID] { // a younger one may be a child that was told of it
			for _, uid := range uids {
				if slices.Contains(p.Status.UID[:], uid) {
					tell(p, uid, fmt.Sprintf("is of the process group or session of its %s, %d", u.Role, u.PID))
				}
			}
		}
	}
	if len(unsure) > 0 {
		e.AllElders.Hide("whether these are the programs that they are called after, which know no objects, could not be " +
			"read: " + pidList(unsure))
	}
}

func (l *tick) processUser(p *proc.Process, uid uint32) string {
	return fmt.Sprintf("%d/%s, user %s", p.PID, p.Comm, l.Users.User(uid))
}

// pastUse is a pid that the kernel recorded, with the moment (Unix seconds).
type pastUse struct {
	role   string
	pid    int32
	moment int64
}

// past tells what became of those who used an object.
func (l *tick) past(uses ...pastUse) []relate.Past {
	var past []relate.Past
	for _, u := range uses {
		p := relate.Past{Role: u.role, PID: int(u.pid), Fate: relate.Fate(l.CreatorState(int(u.pid), u.moment))}
		now := l.Process(p.PID)
		if p.Fate == relate.FateReused &&
			!l.StartTime(now.Start).After(time.Unix(u.moment, 0).Add(proc.StartDoubt+l.doubt(l.Now, time.Unix(u.moment, 0)))) {
			p.Fate = relate.FateUnknown // the clock was set meanwhile: it may be that process
		}
		switch {
		case now == nil:
		case p.Fate == relate.FateAlive:
			p.Who = fmt.Sprintf("%d/%s", now.PID, now.Comm)
		case p.Fate == relate.FateReused:
			p.Who = fmt.Sprintf("%d/%s, started %s", now.PID, now.Comm, l.clock(l.StartTime(now.Start)))
		}
		past = append(past, p)
	}
	return past
}

// clock writes a moment: the time of day, with the date unless it is today.
func (l *tick) clock(t time.Time) string {
	t = t.In(l.Now.Location())
	if t.YearDay() == l.Now.YearDay() && t.Year() == l.Now.Year() {
		return t.Format(time.TimeOnly)
	}
	return t.Format(time.DateTime)
}

// evidence begins with what every kind's verdict takes: who used the object, who could know it, and how old it is.
func (l *tick) evidence(sight relate.Sight, past []relate.Past, lastUse time.Time, uids ...uint32) relate.Evidence {
	e := relate.Evidence{
		Past: past, AllPast: relate.Sight{Complete: true}, AllElders: sight,
		AllRules: relate.Sight{Complete: true}, Now: l.Now, LastUse: lastUse, Grace: l.Grace,
	}
	slices.Sort(uids)
	uids = slices.Compact(uids)
	for _, uid := range uids {
		e.Owners = append(e.Owners, l.Users.User(uid))
	}
	l.elders(&e, uids...)
	if lastUse.IsZero() || l.Boot.IsZero() || lastUse.Add(proc.StartDoubt).Before(l.Boot) {
		e.AllElders.Hide("its last use lies before the start of the machine: whether a process is older cannot be told")
	}
	return e
}

// protect tells whether a signature of known software, or the user's own, says that the object is meant to be there
// unused.
func (l *tick) protect(e *relate.Evidence, s software.Subject) {
	known, err := software.Known(l.Tick)
	if err != nil {
		l.Fault("signatures", err)
		e.AllRules.Hide("the signatures that may protect it could not be read: " + err.Error())
		return
	}
	m, ok, unsure := known.Protection(&s,
		func(pattern string) software.PatternFiles { return software.FilesOfPattern(l.Tick, pattern) })
	if ok {
		e.Protected = fmt.Sprintf("it looks like %s's, which is meant to be there unused: %s", m.Name, m.Why)
	}
	for _, pattern := range unsure {
		e.AllRules.Hide("a signature protects what has a key of " + pattern + ", not all of which could be looked at")
	}
}

// FindingKind is the kind of the findings about orphans.
const FindingKind = "leak"

// findings are the orphans among the objects whose verdicts were asked for. The advice is the command that removes one.
func findings(_ *proc.Tick, _ schema.Kind, objects []*schema.Object) []schema.Finding {
	var findings []schema.Finding
	for _, o := range objects {
		if j := VerdictOf(o); j != nil && j.Verdict == relate.Orphan {
			findings = append(findings,
				schema.Finding{Kind: FindingKind, Severity: schema.Warning, Proof: schema.Observed, Refs: []schema.Ref{o.Ref},
					Says: o.Ref.String() + " is an orphan: nobody uses it, and nobody is left who could know it", Evidence: j.Reasons,
					Advice: Removal(o)})
		}
	}
	return findings
}

// Removal is the shell command that removes an object: util-linux's where it has one for it, else ipctop's own.
func Removal(o *schema.Object) string {
	flags := map[schema.Kind]string{schema.Msg: "-q", schema.Sem: "-s", schema.Shm: "-m"}
	if flag, ok := flags[o.Ref.Kind]; ok && o.Ref.Space == 0 {
		return fmt.Sprintf("ipcrm %s %d", flag, o.Ref.ID)
	}
	if file := staleNote.Of(o); file != nil {
		return file.removal()
	}
	return "ipctop rm " + schema.ShellQuote(o.Ref.String())
}
