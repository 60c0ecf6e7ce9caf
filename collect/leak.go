package collect

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
)

// Verdicts on objects that outlive their users.
//
//	a kind's row ─► its evidence (leak_sysv.go, leak_posix.go, leak_paths.go) ─► relate.Judge ─► columns verdict and reasons, findings
//	processes ─► who could still know an object (leakFacts), bystanders aside (leak_bystander.go)
//	namespaces ─► whether all who could are in sight (leak_sight.go)

// judged is an object's verdict. The zero value is one that nobody asked for.
type judged struct {
	relate.Judgement
	none bool // the object goes away with its users
}

// leakNeeds are what every kind's verdict takes besides what tells who uses the object.
const leakNeeds = schema.NeedVerdict | schema.NeedProcs | schema.NeedStatus

// leakIDs are the columns of a verdict.
func leakIDs() []string { return []string{"verdict", "reasons"} }

// leakColumns are those of a verdict that takes these needs.
func leakColumns[T any](needs schema.Need, of func(*T) *judged) []schema.Column {
	return []schema.Column{
		schema.Col("verdict", schema.TypeString, 9, needs|leakNeeds,
			"live: in use; protected: meant to be there unused; idle: a known user lives; orphan: unused, nobody known to have used it lives, nobody is left who could know it; suspect: not all of that proven; unknown: rights or sight are missing to tell",
			func(r *T) schema.Value {
				j := of(r)
				switch {
				case j.none:
					return schema.None(schema.TypeString)
				case j.Verdict == "":
					return schema.Uncollected(schema.TypeString)
				}
				return schema.String(string(j.Verdict))
			}),
		schema.Col("reasons", schema.TypeList, 60, needs|leakNeeds, "the facts behind the verdict, a sentence each", func(r *T) schema.Value {
			j := of(r)
			switch {
			case j.none:
				return schema.None(schema.TypeList)
			case j.Verdict == "":
				return schema.Uncollected(schema.TypeList)
			}
			return schema.List(j.Reasons)
		}),
	}
}

// judge gives the verdict on an object, if it was asked for. needs are what its evidence takes.
func (f *Facts) judge(ref schema.Ref, needs schema.Need, evidence func() relate.Evidence) judged {
	if !f.gathered(ref, needs|leakNeeds) {
		return judged{}
	}
	return judged{Judgement: relate.Judge(evidence())}
}

// leakFacts is what the verdicts of one tick have in common.
type leakFacts struct {
	byUID     map[uint32][]*Process // who could know an object of that user, by how old their memory is; a process is with each of its uids
	memory    map[*Process]memory
	dropped   []*Process            // nil: not asked for yet
	byGID     map[uint32][]*Process // nil: not asked for yet
	groups    map[int][]*Process    // by the leader of their process group and of their session
	unread    []*Process            // their uids are not known
	bystander map[*Process]bool
	ipc, shm  relate.Sight // of the reader's own IPC namespace, and of /dev/shm
	skew      time.Duration
	noatime   bool      // of /dev/shm
	shmDev    string    // likewise, as FormatDev has it; "": not known
	mounted   []mounted // nil: not asked for yet
	mountsErr error
	calls     *relate.Sight     // nil: not asked for yet
	hidden    *hiddenFiles      // nil: not asked for yet
	loops     map[string]string // files of loop devices by device; nil: not asked for yet
	private   *privateMaps      // nil: not asked for yet
	paths     *runtimePaths     // nil: not asked for yet
	tmpfiles  *tmpfiles         // nil: not asked for yet
}

// leaking indexes the processes once a tick.
func (f *Facts) leaking() *leakFacts {
	if f.leaks != nil {
		return f.leaks
	}
	l := &leakFacts{byUID: map[uint32][]*Process{}, groups: map[int][]*Process{}, bystander: map[*Process]bool{}, memory: map[*Process]memory{}}
	f.leaks = l
	l.skew = f.clockSkew()
	f.findBystanders()
	for _, p := range f.procs {
		if p.gone() || l.bystander[p] {
			continue
		}
		if !p.StatusKnown {
			if !f.Host.Live() || kernel.ProcessExists(p.PID) {
				l.unread = append(l.unread, p)
			}
			continue
		}
		f.memoryOf(p)
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
		slices.SortFunc(list, func(a, b *Process) int {
			return cmp.Or(cmp.Compare(l.memory[a].start, l.memory[b].start), cmp.Compare(a.PID, b.PID))
		})
	}
	l.ipc, l.shm = f.ipcSight(), f.shmSight()
	return l
}

// leakDoubt is by how much a process may seem younger than what it did: the kernel cuts the moments of System V objects to seconds, of a clock
// that only timer ticks move on (ktime_get_real_seconds, kernel/time/timekeeping.c), and start times to clock ticks.
const leakDoubt = time.Second + 100*time.Millisecond

// older is how many of a list of leakFacts.byUID have memory of a moment. Where the time of the boot is not known, all do.
func (f *Facts) older(list []*Process, limit time.Time) int {
	n, _ := slices.BinarySearchFunc(list, limit, func(p *Process, limit time.Time) int {
		if f.StartTime(f.leaks.memory[p].start).After(limit) {
			return 1
		}
		return -1
	})
	return n
}

// lastMoment is until when a process may seem to have started that was there at a moment.
func (f *Facts) lastMoment(t time.Time) time.Time {
	return t.Add(leakDoubt + f.leaking().doubt(f.Now, t))
}

// elders finds the processes that could know an object of these users, each once: those that started before its last use, or have their memory
// of one that did. In doubt a process did.
func (f *Facts) elders(e *relate.Evidence, uids ...uint32) {
	l := f.leaking()
	limit := f.lastMoment(e.LastUse)
	seen := map[*Process]bool{}
	var unsure []*Process
	tell := func(p *Process, uid uint32, why string) {
		switch {
		case seen[p]:
		case p.program == seemsToStandBy:
			unsure = append(unsure, p)
		case e.Another():
			e.Elders = append(e.Elders, relate.Elder{Who: f.processUser(p, uid), Why: why})
		}
		seen[p] = true
	}
	for i, uid := range uids {
		list := l.byUID[uid]
		list = list[:f.older(list, limit)]
		last := i == len(uids)-1
		for n, p := range list {
			if i == 0 && last && len(e.Elders) == relate.MostElders {
				e.MoreElders += len(list) - n // one user's processes are told apart already
				break
			}
			tell(p, uid, f.recalls(p, e.LastUse))
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
		e.AllElders.Hide("whether these are the programs that they are called after, which know no objects, could not be read: " + pidList(unsure))
	}
}

func (f *Facts) processUser(p *Process, uid uint32) string {
	return fmt.Sprintf("%d/%s, user %s", p.PID, p.Comm, f.Users.User(uid))
}

// pastUse is a pid that the kernel recorded, with the moment (Unix seconds).
type pastUse struct {
	role   string
	pid    int32
	moment int64
}

// past tells what became of those who used an object.
func (f *Facts) past(uses ...pastUse) []relate.Past {
	var past []relate.Past
	for _, u := range uses {
		p := relate.Past{Role: u.role, PID: int(u.pid), Fate: relate.Fate(f.CreatorState(int(u.pid), u.moment))}
		now := f.Process(p.PID)
		if p.Fate == relate.FateReused && !f.StartTime(now.Start).After(time.Unix(u.moment, 0).Add(leakDoubt+f.leaking().doubt(f.Now, time.Unix(u.moment, 0)))) {
			p.Fate = relate.FateUnknown // the clock was set meanwhile: it may be that process
		}
		switch {
		case now == nil:
		case p.Fate == relate.FateAlive:
			p.Who = fmt.Sprintf("%d/%s", now.PID, now.Comm)
		case p.Fate == relate.FateReused:
			p.Who = fmt.Sprintf("%d/%s, started %s", now.PID, now.Comm, f.clock(f.StartTime(now.Start)))
		}
		past = append(past, p)
	}
	return past
}

// clock writes a moment: the time of day, with the date unless it is today.
func (f *Facts) clock(t time.Time) string {
	t = t.In(f.Now.Location())
	if t.YearDay() == f.Now.YearDay() && t.Year() == f.Now.Year() {
		return t.Format(time.TimeOnly)
	}
	return t.Format(time.DateTime)
}

// evidence begins with what every kind's verdict takes: who used the object, who could know it, and how old it is.
func (f *Facts) evidence(sight relate.Sight, past []relate.Past, lastUse time.Time, uids ...uint32) relate.Evidence {
	e := relate.Evidence{
		Past: past, AllPast: relate.Sight{Complete: true}, AllElders: sight,
		AllRules: relate.Sight{Complete: true}, Now: f.Now, LastUse: lastUse, Grace: f.grace,
	}
	slices.Sort(uids)
	uids = slices.Compact(uids)
	for _, uid := range uids {
		e.Owners = append(e.Owners, f.Users.User(uid))
	}
	f.elders(&e, uids...)
	if lastUse.IsZero() || f.Boot.IsZero() || lastUse.Add(leakDoubt).Before(f.Boot) {
		e.AllElders.Hide("its last use lies before the start of the machine: whether a process is older cannot be told")
	}
	return e
}

// protect tells whether a signature of known software, or the user's own, says that the object is meant to be there unused.
func (f *Facts) protect(e *relate.Evidence, s Subject) {
	known, err := f.software.signatures()
	if err != nil {
		f.Fault("signatures", err)
		e.AllRules.Hide("the signatures that may protect it could not be read: " + err.Error())
		return
	}
	m, ok, unsure := known.protection(&s, f.filesOfPattern)
	if ok {
		e.Protected = fmt.Sprintf("it looks like %s's, which is meant to be there unused: %s", m.Name, m.Why)
	}
	for _, pattern := range unsure {
		e.AllRules.Hide("a signature protects what has a key of " + pattern + ", not all of which could be looked at")
	}
}

// leakFinding is the kind of the findings about orphans.
const leakFinding = "leak"

// leakFindings are the orphans among the objects whose verdicts were asked for. The advice is the command that removes one.
func leakFindings(objects []*schema.Object, of func(row any) *judged) []schema.Finding {
	var findings []schema.Finding
	for _, o := range objects {
		if j := of(o.Row); j.Verdict == relate.Orphan {
			findings = append(findings, schema.Finding{Kind: leakFinding, Severity: schema.Warning, Proof: schema.Observed, Refs: []schema.Ref{o.Ref},
				Says: o.Ref.String() + " is an orphan: nobody uses it, and nobody is left who could know it", Evidence: j.Reasons, Advice: Removal(o)})
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
	if file := staleOf(o); file != nil {
		return file.removal()
	}
	return "ipctop rm " + ShellQuote(o.Ref.String())
}
