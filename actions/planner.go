package actions

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// Planner makes plans for the live machine. It is safe for concurrent use: every plan looks for itself.
type Planner struct {
	host     *kernel.Host
	admin    *kernel.Admin
	journal  *Journal
	now      func() time.Time
	readOnly bool
	settings []collect.Setting
	grace    time.Duration
}

// Options are what a Planner works with.
type Options struct {
	Host     *kernel.Host
	Now      func() time.Time
	Journal  *Journal
	ReadOnly bool // every plan is refused with ErrReadOnly
	// Settings are those of the Collector that the objects were chosen by: plans look with the same eyes.
	Settings []collect.Setting
	Grace    time.Duration // of verdicts, as in a collect.Request
}

// NewPlanner returns a Planner.
func NewPlanner(o Options) *Planner {
	return &Planner{host: o.Host, admin: kernel.NewAdmin(), journal: o.Journal, now: o.Now, readOnly: o.ReadOnly, settings: o.Settings, grace: o.Grace}
}

// ReadOnlyVariable is the environment variable that forbids changes.
const ReadOnlyVariable = "IPCTOP_READONLY"

// ReadOnly says whether the environment forbids changes: ReadOnlyVariable does unless it is unset, empty or a plain no. Whoever sets it to
// something else means something by it, and the harmless reading is that nothing may be changed.
func ReadOnly(getenv func(string) string) bool {
	switch strings.ToLower(strings.TrimSpace(getenv(ReadOnlyVariable))) {
	case "", "0", "false", "no", "off":
		return false
	}
	return true
}

// ErrReadOnly is why nothing is planned under --read-only or IPCTOP_READONLY=1.
var ErrReadOnly = errors.New("read-only: nothing is removed or signalled")

// allowed says why no plan may be made at all: ErrReadOnly, or kernel.ErrNotLive for a tree of files.
func (p *Planner) allowed() error {
	switch {
	case p.readOnly:
		return ErrReadOnly
	case !p.host.Live():
		return fmt.Errorf("remove or signal: %w", sys.ErrNotLive)
	}
	return nil
}

// survey is what one plan sees of the machine, read once.
type survey struct {
	*Planner
	plan       *Plan
	mechanisms []*kinds.Mechanism
	snap       *collect.Snapshot
	users      *proc.Users
	noted      map[string]bool
}

// survey reads the objects' kinds with what these columns need.
func (p *Planner) survey(plan *Plan, refs []schema.Ref, columns ...string) *survey {
	s := &survey{Planner: p, plan: plan, mechanisms: collect.Mechanisms(), users: proc.NewUsers(true), noted: map[string]bool{}}
	req := collect.Request{Want: map[schema.Kind]schema.Need{}, Grace: p.grace}
	for _, r := range refs {
		if m := s.mechanism(r.Kind); m != nil {
			req.Want[r.Kind] = m.NeedsOf(columns)
			req.AllNamespaces = req.AllNamespaces || r.Space != 0 && inIPCNamespace(r.Kind)
		}
	}
	s.snap = collect.New(p.host, p.now, p.settings...).Take(req)
	return s
}

func (s *survey) mechanism(k schema.Kind) *kinds.Mechanism {
	i := slices.IndexFunc(s.mechanisms, func(m *kinds.Mechanism) bool { return m.Kind == k })
	if i < 0 {
		return nil
	}
	return s.mechanisms[i]
}

// cell reads a column of an object. Where the kind has no such column, has is false.
func (s *survey) cell(r schema.Ref, column string) (v schema.Value, has bool) {
	m := s.mechanism(r.Kind)
	if m == nil {
		return v, false
	}
	c, has := m.Column(column)
	if !has {
		return v, false
	}
	o := s.snap.Find(r)
	if o == nil {
		return schema.None(c.Type), true
	}
	return c.Get(o), true
}

// note says once what could not be seen.
func (s *survey) note(says string) {
	if !s.noted[says] {
		s.noted[says] = true
		s.plan.Notes = append(s.plan.Notes, says)
	}
}

// unseen are the processes that a source (schema.Fault) was refused for, in words: "processes that could not be looked into (3)".
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

// process reads /proc/PID/stat. fs.ErrNotExist: there is none.
func (p *Planner) process(pid int) (process.ProcStat, error) {
	dir, err := p.host.OpenProc(pid)
	if err != nil {
		return process.ProcStat{}, err
	}
	defer dir.Close()
	return readStat(dir)
}

func readStat(dir process.Dir) (process.ProcStat, error) {
	text, err := dir.Read("stat", nil)
	if err != nil {
		return process.ProcStat{}, err
	}
	stat, err := process.ParseProcStat(text)
	if err != nil {
		return process.ProcStat{}, fmt.Errorf("read /proc/%d/stat: %w", dir.PID, err)
	}
	return stat, nil
}

// livesSince says whether the process that had this pid at the moment sec (Unix seconds, cut by the kernel) still lives. One
// that started after it is another; a zombie uses nothing any more.
func (p *Planner) livesSince(pid int32, sec int64) (process.ProcStat, bool) {
	stat, err := p.process(int(pid))
	if err != nil || stat.State == 'Z' || stat.State == 'X' {
		return process.ProcStat{}, false
	}
	boot, err := sys.BootTime()
	if err != nil {
		return stat, true // unknown is not dead
	}
	start := boot.Add(time.Duration(stat.Start) * (time.Second / sys.ClockTick))
	return stat, !proc.StartedAfter(start, sec)
}

// lastUser describes who did something last, if that process may still use the object.
func (p *Planner) lastUser(pid int32, sec int64, role string) (string, bool) {
	switch {
	case sec == 0 && pid == 0:
		return "", false
	case pid == 0:
		return role + ": a process outside this pid namespace", true
	}
	stat, lives := p.livesSince(pid, sec)
	if !lives {
		return "", false
	}
	return role + ": " + processName(stat.Comm, stat.PID), true
}

func procRef(stat process.ProcStat) schema.Ref {
	return schema.Ref{Kind: schema.Proc, ID: uint64(stat.PID), Gen: stat.Start}
}

func processName(comm string, pid int) string { return fmt.Sprintf("%s (pid %d)", comm, pid) }

// gone is an object or process that is not there any more, or whose number belongs to another by now.
type goneError string

func (e goneError) Error() string { return string(e) }

// reason turns an error into what a person reads after the object's Ref.
func reason(err error) string {
	var changed *changedError
	var gone goneError
	switch {
	case errors.As(err, &changed), errors.As(err, &gone):
		return err.Error()
	case sys.Gone(err):
		return "it is gone: " + err.Error()
	case sys.Denied(err):
		return "permission denied: only its owner, its creator or root may do that (" + err.Error() + ")"
	}
	return err.Error()
}

// refuse says why an object is left alone.
func refuse(format string, args ...any) error { return fmt.Errorf(format, args...) }

// ends describes processes at an object, each once.
func ends(v schema.Value, say func(schema.Endpoint) string) []string {
	var lines []string
	for _, e := range v.Endpoints() {
		if line := say(e); !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return lines
}
