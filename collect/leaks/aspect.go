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
	NeedPaths schema.Need = 1 << 28 // search the directories of the running system for FIFOs and sockets
	// find present, past and possible users: needs a readlink of exe for older processes
	NeedVerdict schema.Need = 1 << 29
)

// verdictNote holds an object's verdict.
var verdictNote = schema.NewNote[judged]()

// judged is an object's verdict.
type judged struct {
	relate.Judgement
	noVerdict bool // see hasNoVerdict
}

// VerdictOf returns the verdict on an object with its reasons. It returns nil if nobody asked for a verdict, or if the
// object cannot have one.
func VerdictOf(o *schema.Object) *relate.Judgement {
	if j := verdictNote.Of(o); j != nil && !j.noVerdict {
		return &j.Judgement
	}
	return nil
}

// verdictNeeds are the needs of every kind's verdict, besides the needs for the users of the object.
const verdictNeeds = NeedVerdict | proc.NeedEveryone | proc.NeedProcs | proc.NeedStatus

// Aspect is the verdict on each object that can outlive its users: is it leaked?
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

// IDs returns the ids of a verdict's columns.
func IDs() []string { return []string{"verdict", "reasons"} }

// columns returns the columns of a kind's verdict. needs are the needs of its evidence.
func columns(kind schema.Kind, needs schema.Need) []schema.Column {
	cell := func(typ schema.Type, known func(*judged) schema.Value) func(*schema.Object) schema.Value {
		return func(o *schema.Object) schema.Value {
			switch j := verdictNote.Of(o); {
			case j == nil:
				return schema.Uncollected(typ)
			case j.noVerdict:
				return schema.None(typ)
			default:
				return known(j)
			}
		}
	}
	return append(staleColumns(kind), []schema.Column{
		{ID: "verdict", Type: schema.TypeString, Width: 9, Needs: needs | verdictNeeds,
			Help: "live: in use; protected: meant to be there unused; idle: a known user lives; orphan: unused, " +
				"nobody known to have used it lives, nobody is left who could know it; suspect: not all of that " +
				"proven; unknown: rights or sight are missing to tell",
			Get: cell(schema.TypeString, func(j *judged) schema.Value { return schema.String(string(j.Verdict)) })},
		{ID: "reasons", Type: schema.TypeList, Width: 60, Needs: needs | verdictNeeds,
			Help: "the facts behind the verdict, a sentence each",
			Get:  cell(schema.TypeList, func(j *judged) schema.Value { return schema.List(j.Reasons) })},
	}...)
}

// judgeAll notes the verdicts on the objects of a kind, if they were asked for. needs are the needs of their evidence.
func judgeAll(t *proc.Tick, kind schema.Kind, needs schema.Need, objects []*schema.Object) {
	verdicts := make([]judged, len(objects))
	for i, o := range objects {
		none := hasNoVerdict(o)
		if !none && !t.Gathered(o.Ref, needs|verdictNeeds) {
			continue
		}
		v := &verdicts[i]
		if v.noVerdict = none; !none {
			v.Judgement = tickOf(t).judge(o)
		}
		verdictNote.Set(o, v)
	}
}

// hasNoVerdict reports that an object cannot have a verdict. A socket without a path goes away with its users. A FIFO
// or socket in /dev/shm is also an object of kind fifo or unix, and has its verdict there.
func hasNoVerdict(o *schema.Object) bool {
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

// tick holds the facts that all verdicts of one tick share.
type tick struct {
	*proc.Tick
	// All processes but bystanders by uid, oldest knowledge first. A process is in the list of each of its uids.
	byUID      map[uint32][]*proc.Process
	knowledge  map[*proc.Process]knowledge
	groups     map[int][]*proc.Process // by process group and by session
	unreadUIDs []*proc.Process         // processes whose uids are not known
	bystander  map[*proc.Process]bool
	programs   map[*proc.Process]program // as far as they were read
	names      map[userOf]string         // see processUser
	facts      map[int]*processFacts     // see factsOf
	ipc, shm   relate.Coverage           // of the reader's own IPC namespace, and of /dev/shm
	skew       time.Duration             // see clockSkew
	noatime    bool                      // /dev/shm is mounted noatime
	shmDev     string                    // the device of /dev/shm, in the format of FormatDev; "": not known

	// Facts that only some verdicts need. The first verdict that needs a fact reads it.
	formerRoots func() []*proc.Process            // see listFormerRoots
	byGID       func() map[uint32][]*proc.Process // see listMembers
	calls       func() relate.Coverage            // see callCoverage
	open        func() relate.Coverage            // see openCoverage
	fifoOpeners func() relate.Coverage            // see openersCoverage
	loopFiles   func() map[string]string          // the files of loop devices, by device
	paths       func() *runtimePaths
	tmpfiles    func() *tmpfiles
	private     map[uint64]*privateMaps // by device, as far as they were read
}

// tickOf returns the shared facts of a tick. The first call makes them.
func tickOf(t *proc.Tick) *tick { return proc.Memo(t, newTick) }

func newTick(t *proc.Tick) *tick {
	l := &tick{Tick: t, byUID: map[uint32][]*proc.Process{}, groups: map[int][]*proc.Process{},
		bystander: map[*proc.Process]bool{}, programs: map[*proc.Process]program{}, names: map[userOf]string{},
		facts:     *proc.Keep(t.Kept, func() map[int]*processFacts { return map[int]*processFacts{} }),
		knowledge: map[*proc.Process]knowledge{}}
	l.formerRoots, l.byGID = sync.OnceValue(l.listFormerRoots), sync.OnceValue(l.listMembers)
	l.open, l.fifoOpeners = sync.OnceValue(l.openCoverage), sync.OnceValue(l.openersCoverage)
	l.calls, l.loopFiles = sync.OnceValue(l.callCoverage), sync.OnceValue(t.Host.LoopFiles)
	l.paths, l.tmpfiles = sync.OnceValue(l.runtimeFiles), sync.OnceValue(l.readTmpfiles)
	l.skew = l.clockSkew()
	l.findBystanders()
	for _, p := range t.Processes() {
		if p.Gone() || l.bystander[p] {
			continue
		}
		if !p.StatusKnown {
			if !t.Host.Live() || process.StillListed(p.PID) {
				l.unreadUIDs = append(l.unreadUIDs, p)
			}
			continue
		}
		l.knowledgeOf(p)
		l.groups[p.PGID] = append(l.groups[p.PGID], p)
		if p.SID != p.PGID {
			l.groups[p.SID] = append(l.groups[p.SID], p)
		}
		for _, uid := range l.uidsOf(p) {
			l.byUID[uid] = append(l.byUID[uid], p)
		}
		if l.factsOf(p).threadsErr != nil {
			l.unreadUIDs = append(l.unreadUIDs, p)
		}
	}
	for _, list := range l.byUID {
		l.sortByKnowledge(list)
	}
	l.ipc, l.shm = l.ipcCoverage(), l.shmCoverage()
	return l
}

// sortByKnowledge sorts processes by the start of their knowledge, oldest first.
func (l *tick) sortByKnowledge(list []*proc.Process) {
	slices.SortFunc(list, func(a, b *proc.Process) int {
		return cmp.Or(cmp.Compare(l.knowledge[a].start, l.knowledge[b].start), cmp.Compare(a.PID, b.PID))
	})
}

// countOlder counts the processes of a sorted list whose knowledge starts before a moment. It counts all processes if
// the boot time is not known.
func (l *tick) countOlder(list []*proc.Process, limit time.Time) int {
	n, _ := slices.BinarySearchFunc(list, limit, func(p *proc.Process, limit time.Time) int {
		if l.StartTime(l.knowledge[p].start).After(limit) {
			return 1
		}
		return -1
	})
	return n
}

// latestStart is the latest start time that a process can show if it lived at the moment t.
func (l *tick) latestStart(t time.Time) time.Time {
	return t.Add(proc.StartDoubt + l.doubt(l.Now, t))
}

// possibleByUID adds the processes of the given uids that could know an object, each once. Their knowledge started
// before the object's last use. A process counts in case of doubt.
func (l *tick) possibleByUID(e *relate.Evidence, uids ...uint32) {
	limit := l.latestStart(e.LastUse)
	var seen map[*proc.Process]bool // nil: the list of one uid has each process once
	if len(uids) > 1 || len(e.Past) > 0 {
		seen = map[*proc.Process]bool{}
	}
	var unsure []*proc.Process
	add := func(p *proc.Process, uid uint32, why func() string) {
		switch {
		case seen[p]:
		case l.factsOf(p).program == maybeBystander:
			unsure = append(unsure, p)
		default:
			e.AddPossibleUser(func() relate.PossibleUser {
				return relate.PossibleUser{Who: l.processUser(p, uid), Why: why()}
			})
		}
		if seen != nil {
			seen[p] = true
		}
	}
	for _, uid := range uids {
		list := l.byUID[uid]
		list = list[:l.countOlder(list, limit)]
		for n, p := range list {
			if len(uids) == 1 && len(e.PossibleUsers) == relate.MostPossibleUsers {
				e.MorePossibleUsers += len(list) - n // the list of one uid has each process once
				break
			}
			add(p, uid, func() string { return l.whyPossible(p, e.LastUse) })
		}
	}
	for _, u := range e.Past {
		if u.Fate != relate.FateDead || len(e.PossibleUsers) > 0 {
			continue
		}
		// a younger process may be a child, and its parent may have passed the id on
		for _, p := range l.groups[u.PID] {
			for _, uid := range uids {
				if slices.Contains(l.uidsOf(p), uid) {
					add(p, uid, func() string {
						return fmt.Sprintf("is of the process group or session of its %s, %d", u.Role, u.PID)
					})
				}
			}
		}
	}
	if len(unsure) > 0 {
		e.AllPossibleUsers.MarkIncomplete("whether these are the programs that they are called after, which know no " +
			"objects, could not be read: " + pidList(unsure))
	}
}

// userOf is a process that may use objects of a user.
type userOf struct {
	*proc.Process
	uid uint32
}

// processUser names a process and its user: "812/postgres, user postgres". Thousands of objects may have the same
// possible users.
func (l *tick) processUser(p *proc.Process, uid uint32) string {
	at := userOf{p, uid}
	name, ok := l.names[at]
	if !ok {
		name = fmt.Sprintf("%d/%s, user %s", p.PID, p.Comm, l.Users.User(uid))
		l.names[at] = name
	}
	return name
}

// pastUse is a use of an object that the kernel recorded. moment is in Unix seconds.
type pastUse struct {
	role   string
	pid    int32
	moment int64
}

// past finds the fate of the processes that used an object.
func (l *tick) past(uses ...pastUse) []relate.Past {
	var past []relate.Past
	for _, u := range uses {
		p := relate.Past{Role: u.role, PID: int(u.pid), Fate: relate.Fate(l.CreatorState(int(u.pid), u.moment))}
		now := l.Process(p.PID)
		if p.Fate == relate.FateReused &&
			!l.StartTime(now.Start).After(time.Unix(u.moment,
				0).Add(proc.StartDoubt+l.doubt(l.Now, time.Unix(u.moment, 0)))) {
			p.Fate = relate.FateUnknown // the clock was set since: this may be the past user itself
		}
		switch {
		case now == nil:
		case p.Fate == relate.FateAlive:
			p.Who = fmt.Sprintf("%d/%s", now.PID, now.Comm)
		case p.Fate == relate.FateReused:
			p.Who = fmt.Sprintf("%d/%s, started %s", now.PID, now.Comm, l.formatTime(l.StartTime(now.Start)))
		}
		past = append(past, p)
	}
	return past
}

// formatTime formats a moment as time of day, with the date in front if it is not today.
func (l *tick) formatTime(t time.Time) string {
	t = t.In(l.Now.Location())
	if t.YearDay() == l.Now.YearDay() && t.Year() == l.Now.Year() {
		return t.Format(time.TimeOnly)
	}
	return t.Format(time.DateTime)
}

// evidence starts an object's evidence with the facts that every kind needs: past users, possible users, and the last
// use. coverage is the proof that all processes that could know the object are visible.
func (l *tick) evidence(coverage relate.Coverage, past []relate.Past, lastUse time.Time,
	uids ...uint32) relate.Evidence {
	e := relate.Evidence{
		Past: past, AllPast: relate.Coverage{Complete: true}, AllPossibleUsers: coverage,
		AllRules: relate.Coverage{Complete: true}, Now: l.Now, LastUse: lastUse, Grace: l.Grace,
	}
	slices.Sort(uids)
	uids = slices.Compact(uids)
	for _, uid := range uids {
		e.Owners = append(e.Owners, l.Users.User(uid))
	}
	l.possibleByUID(&e, uids...)
	if lastUse.IsZero() || l.Boot.IsZero() || lastUse.Add(proc.StartDoubt).Before(l.Boot) {
		e.AllPossibleUsers.MarkIncomplete(
			"its last use lies before the start of the machine: whether a process is older cannot be told")
	}
	return e
}

// protect looks for a signature, built in or the user's own, that says that the object is meant to stay unused.
func (l *tick) protect(e *relate.Evidence, s software.Subject) {
	known, err := software.Known(l.Tick)
	if err != nil {
		l.Fault("signatures", err)
		e.AllRules.MarkIncomplete("the signatures that may protect it could not be read: " + err.Error())
		return
	}
	m, ok, unsure := known.Protection(&s,
		func(pattern string) software.PatternFiles { return software.FilesOfPattern(l.Tick, pattern) })
	if ok {
		e.Protected = fmt.Sprintf("it looks like %s's, which is meant to be there unused: %s", m.Name, m.Why)
	}
	for _, pattern := range unsure {
		e.AllRules.MarkIncomplete("a signature protects what has a key of " + pattern +
			", not all of which could be looked at")
	}
}

// FindingKind is the kind of the findings about orphans.
const FindingKind = "leak"

// findings reports the orphans among the objects whose verdicts were asked for. The advice is the command that removes
// the object.
func findings(_ *proc.Tick, _ schema.Kind, objects []*schema.Object) []schema.Finding {
	var findings []schema.Finding
	for _, o := range objects {
		if j := VerdictOf(o); j != nil && j.Verdict == relate.Orphan {
			findings = append(findings,
				schema.Finding{Kind: FindingKind, Severity: schema.Warning, Proof: schema.Observed,
					Refs:     []schema.Ref{o.Ref},
					Says:     o.Ref.String() + " is an orphan: nobody uses it, and nobody is left who could know it",
					Evidence: j.Reasons,
					Advice:   Removal(o)})
		}
	}
	return findings
}

// Removal returns the shell command that removes an object: ipcrm of util-linux for a System V object in the reader's
// own namespace, rm or find for a file without users, else ipctop rm.
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
