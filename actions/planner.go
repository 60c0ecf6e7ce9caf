package actions

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/account"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// Planner makes plans for the live machine. It is safe for concurrent use: every plan reads the machine for itself.
type Planner struct {
	host     *kernel.Host
	admin    *kernel.Admin
	journal  *Journal
	now      func() time.Time
	readOnly bool
	settings []collect.Setting
	grace    time.Duration
	saving   Saving
}

// Options are what a Planner works with.
type Options struct {
	Host     *kernel.Host
	Now      func() time.Time
	Journal  *Journal
	ReadOnly bool // every plan is refused with ErrReadOnly
	// Settings are the settings of the Collector that chose the objects. A plan must see the same objects.
	Settings []collect.Setting
	Grace    time.Duration // of leak verdicts, as in a collect.Request
	Saving   Saving        // what plans keep for undo
}

// NewPlanner returns a Planner.
func NewPlanner(o Options) *Planner {
	return &Planner{host: o.Host, admin: kernel.NewAdmin(), journal: o.Journal, now: o.Now, readOnly: o.ReadOnly,
		settings: o.Settings, grace: o.Grace, saving: o.Saving}
}

// ReadOnlyVariable is the environment variable that forbids changes.
const ReadOnlyVariable = "IPCTOP_READONLY"

// ReadOnly is true if the environment forbids changes: ReadOnlyVariable is set, is not empty and is not "0", "no" or
// the like. An unknown value counts as a wish to forbid: the safe reading is that nothing may change.
func ReadOnly(getenv func(string) string) bool { return isSet(getenv(ReadOnlyVariable)) }

// ErrReadOnly is the error of every plan under --read-only or IPCTOP_READONLY=1.
var ErrReadOnly error = readOnlyError{}

type readOnlyError struct{}

func (readOnlyError) Error() string {
	return "read-only: nothing is " + joinVerbs(" or ", func(v *Verb) string { return v.Done })
}

// allowed returns an error if no plan can be made: ErrReadOnly, or sys.ErrNotLive for a tree of files.
func (p *Planner) allowed() error {
	switch {
	case p.readOnly:
		return ErrReadOnly
	case !p.host.Live():
		return fmt.Errorf("%s: %w", joinVerbs(" or ", func(v *Verb) string { return strings.ToLower(v.Title) }),
			sys.ErrNotLive)
	}
	return nil
}

// errNoProc refuses signals where nothing shows the processes.
var errNoProc = errors.New("/proc is empty or not mounted, so that nothing tells which process a pid names: mount it " +
	"(mount -t proc proc /proc)")

// survey holds one reading of the machine, for one plan.
type survey struct {
	*Planner
	plan     *Plan
	snap     *collect.Snapshot
	users    *account.Users
	noted    map[string]bool
	uses     map[schema.Ref][]use    // of POSIX objects, as the plan showed them
	hidden   map[schema.Ref]bool     // POSIX objects that somebody may use unseen
	waiting  map[schema.Ref][]use    // waiters of System V objects, as the plan showed them
	because  map[schema.Kind]bool    // kinds whose reasons the plan has
	room     int                     // descriptors that the plan may still hold open
	segments map[int]sysv.ShmSegment // with their memory; nil: not read yet
}

// survey reads the kinds of the objects. needs chooses the facts to read of each kind.
func (p *Planner) survey(plan *Plan, refs []schema.Ref, needs func(*kinds.Mechanism) schema.Need) *survey {
	return p.surveyWith(plan, refs, needs, (*collect.Collector).Take)
}

func (p *Planner) surveyWith(plan *Plan, refs []schema.Ref, needs func(*kinds.Mechanism) schema.Need,
	take func(*collect.Collector, collect.Request) *collect.Snapshot) *survey {
	s := &survey{Planner: p, plan: plan, users: account.NewUsers(true),
		noted: map[string]bool{}, because: map[schema.Kind]bool{}, waiting: map[schema.Ref][]use{},
		uses: map[schema.Ref][]use{}, hidden: map[schema.Ref]bool{}, room: sys.FreeDescriptors() - spareFDs}
	req := collect.Request{Want: map[schema.Kind]schema.Need{}, Grace: p.grace}
	for _, r := range refs {
		if m := collect.MechanismOf(r.Kind); m != nil {
			req.Want[r.Kind] = needs(m)
			req.AllNamespaces = req.AllNamespaces || r.Space != 0 && (inIPCNamespace(r.Kind) ||
				r.Kind == schema.Inet || r.Kind.InDevShm() && r.Name != "")
		}
	}
	s.snap = take(collect.New(p.host, p.now, p.settings...), req)
	return s
}

// ends returns the processes at an object; none if the object is gone.
func (s *survey) ends(r schema.Ref) kinds.Ends {
	if o := s.snap.Find(r); o != nil {
		return kinds.EndsOf(o)
	}
	none := schema.None(schema.TypeEndpoints)
	return kinds.Ends{Holders: none, Readers: none, Writers: none, Waiters: none}
}

// note adds a note to the plan, unless the plan has it.
func (s *survey) note(says string) {
	if !s.noted[says] {
		s.noted[says] = true
		s.plan.Notes = append(s.plan.Notes, says)
	}
}

// unseen counts in words the processes that the sources (schema.Fault) could not read: "processes that could not be
// looked into (3)".
func (s *survey) unseen(sources ...string) string {
	n := 0
	for _, f := range s.snap.Faults {
		if f.Denied && slices.Contains(sources, f.Source) {
			n = max(n, f.Count)
		}
	}
	if n == 0 {
		return "processes that could not be looked into"
	}
	return fmt.Sprintf("processes that could not be looked into (%d)", n)
}

// lastUser describes the last process that did something, if it may still use the object.
func (p *Planner) lastUser(pid int32, sec int64, role string) (string, bool) {
	switch {
	case sec == 0 && pid == 0:
		return "", false
	case pid == 0:
		return role + ": a process outside this pid namespace", true
	}
	stat, state := proc.StateSince(p.host, int(pid), sec)
	if state != proc.CreatorAlive && state != proc.CreatorUnknown { // unknown does not mean dead
		return "", false
	}
	if stat.Comm == "" {
		return fmt.Sprintf("%s: pid %d, which /proc does not show", role, stat.PID), true
	}
	return role + ": " + processName(stat.Comm, stat.PID), true
}

func processName(comm string, pid int) string { return fmt.Sprintf("%s (pid %d)", comm, pid) }

// goneError means: the object or process has ended, or its number belongs to another object now.
type goneError string

func (e goneError) Error() string { return string(e) }

// reason returns the text of an error for a person. It stands after the object's Ref.
func reason(err error) string {
	var changed *changedError
	var gone goneError
	switch {
	case errors.As(err, &changed), errors.As(err, &gone), errors.Is(err, proc.ErrReused):
		return err.Error()
	case sys.Gone(err):
		return "it is gone: " + err.Error()
	case sys.Denied(err):
		return "permission denied: only its owner, its creator or root may do that (" + err.Error() + ")"
	}
	return err.Error()
}

// refuse returns the reason for a refusal as an error.
func refuse(format string, args ...any) error { return fmt.Errorf(format, args...) }

// describe returns one line for each process at an object, without repeats.
func describe(v schema.Value, say func(schema.Endpoint) string) []string {
	var lines []string
	for _, e := range v.Endpoints() {
		if line := say(e); !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return lines
}
