package doctor

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/account"
	"github.com/ipctop/ipctop/collect/kernel/namespace"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// Check is one check of the doctor.
type Check struct {
	Name string // in a few words, for "Checked: …"
	look func(*examination) []schema.Finding
}

// Checks lists every check once, in the order of their findings within one severity.
func Checks() []Check {
	return []Check{
		{"deadlocks and stuck waits", diagnosed},
		{"limits of System V and POSIX objects", objectLimits},
		{"limits of each user", userLimits},
		{"open files", openFiles},
		{"tasks", tasks},
		{"pids.max of control groups", groupTasks},
		{"pseudoterminals", terminals},
		{"promised memory", commitment},
		{"TCP", tcpTotals},
		{"full queues", fullQueues},
		{"full listeners", fullListeners},
		{"connections in CLOSE-WAIT", closeWaits},
		{"the size of /dev/shm", devShmSize},
		{"its use and what its files promise", devShmRoom},
		{"memory that is deleted but held", heldMemory},
		{"deleted files on any tmpfs", memoryFiles},
		{"reserved huge pages", hugePages},
		{"orphans", orphans},
		{"zombies", zombies},
		{"RemoveIPC of logind", removeIPC},
		{"kernel.shm_rmid_forced", rmidForced},
	}
}

// Wants lists the kinds that the checks look at, each with the costs that the checks need.
func Wants() map[schema.Kind]schema.Need {
	const users = proc.NeedProcs | proc.NeedStatus
	return map[schema.Kind]schema.Need{
		schema.Msg:     proc.NeedProcs | proc.NeedSyscall,
		schema.Sem:     0,
		schema.Shm:     proc.NeedProcs | proc.NeedMaps | kinds.NeedResident,
		schema.PMsg:    kinds.PmsgNeeds | proc.NeedSyscall,
		schema.PSem:    proc.FileUserNeeds,
		schema.PShm:    proc.FileUserNeeds,
		schema.Memfd:   proc.FileUserNeeds,
		schema.Pipe:    users,
		schema.Fifo:    users,
		schema.Inotify: users,
		schema.Inet:    kinds.HolderNeeds,
		schema.Unix:    kinds.HolderNeeds,
		schema.Proc:    users | proc.NeedFDCount,
		schema.Limit:   0,
	}
}

// Input is the part of a host's snapshot that the checks use. The doctor does not change it.
type Input struct {
	Host         *kernel.Host
	Taken        time.Time
	IPCNamespace uint64             // inode of the reader's own IPC namespace; 0: not known
	Kinds        []*kinds.Mechanism // in the order of outputs
	Objects      map[schema.Kind][]*schema.Object
	Findings     []schema.Finding
	Faults       []schema.Fault
	Notes        []string
	Gauges       []schema.Gauge
	Grace        string // the grace time of the verdicts as --grace takes it; "": the usual one
	// Way finds a path that leads into another namespace, if the snapshot has all namespaces.
	Way func(typ string, ino uint64) (namespace.Namespace, bool)
}

// Report holds the findings of the checks, the most severe first. It also holds the faults and notes of the snapshot,
// with those of the checks.
type Report struct {
	Findings []schema.Finding
	Faults   []schema.Fault
	Notes    []string
}

// examination is the state that the checks share.
type examination struct {
	snap   *Input
	host   *kernel.Host
	users  *account.Users
	faults []schema.Fault
	absent []string                   // sources that the kernel or the tree of files does not have
	limits map[int]process.ProcLimits // by pid; read on first use
	at     place                      // the place that is examined; zero: the reader's own
}

// Examine runs the checks on a snapshot that was taken for Wants.
func Examine(l *Input) Report {
	x := &examination{snap: l, host: l.Host, users: account.NewUsers(l.Host.Live())}
	var r Report
	for _, check := range Checks() {
		r.Findings = append(r.Findings, check.look(x)...)
	}
	r.Findings = append(r.Findings, x.examineOthers()...)
	slices.SortStableFunc(r.Findings,
		func(a, b schema.Finding) int { return cmp.Compare(severityRank(a.Severity), severityRank(b.Severity)) })
	r.Faults = slices.Concat(l.Faults, x.faults)
	for _, n := range l.Notes {
		if rest, ok := strings.CutSuffix(n, kinds.AskAll); ok {
			n = rest + "; the checks look at this one alone, `ipctop doctor -A` at all"
		}
		r.Notes = append(r.Notes, n)
	}
	if len(x.absent) > 0 {
		r.Notes = append(r.Notes, "not there, so that nothing was checked against it: "+strings.Join(x.absent, ", "))
	}
	if note := speedNote(l.Host); note != "" {
		r.Notes = append(r.Notes, note)
	}
	return r
}

func severityRank(s schema.Severity) int {
	return slices.Index([]schema.Severity{schema.Critical, schema.Warning, schema.Info}, s)
}

// read reports true if err is nil. A source that the kernel or the tree of files does not have is a note. Any other
// error is a fault.
func (x *examination) read(source string, err error) bool {
	switch {
	case err == nil:
		return true
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, sys.ErrNotLive):
		x.missing(source)
	default:
		fault := schema.Fault{Source: source, Says: err.Error(), Denied: sys.Denied(err)}
		if !slices.Contains(x.snap.Faults, fault) && !slices.Contains(x.faults, fault) {
			x.faults = append(x.faults, fault)
		}
	}
	return false
}

// missing notes a source that the kernel or the tree of files does not have.
func (x *examination) missing(source string) {
	if !slices.Contains(x.absent, source) {
		x.absent = append(x.absent, source)
	}
}

// sysctl reads a sysctl of one number. ok is false if the kernel has no sysctl of that name, or if it could not be
// read.
func (x *examination) sysctl(name string) (n uint64, ok bool) {
	all, err := x.sysctlNumbers(name)
	if !x.read(name, err) {
		return 0, false
	}
	return all[0], true
}

// sysctlNumbers reads the numbers of a sysctl at the place that is examined.
func (x *examination) sysctlNumbers(name string) (all []uint64, err error) {
	err = x.visit(func() (err error) { all, err = x.host.SysctlNumbers(name); return err })
	return all, err
}

// rowsOf visits the rows of a kind at the place that is examined, with their Refs. A kind that Wants does not name
// would look empty.
func rowsOf[T any](x *examination, kind schema.Kind, visit func(schema.Ref, *T)) {
	if _, wanted := Wants()[kind]; !wanted {
		panic("a check reads " + string(kind) + ", and Wants does not name the kind")
	}
	for _, o := range x.snap.Objects[kind] {
		if placeOf(o).space == x.at.space {
			visit(o.Ref, o.Row.(*T))
		}
	}
}

// tally is a sum for each user, by uid.
type tally map[uint32]uint64

// topThree names the three users with the largest sums, in words: "bob 310, root 12".
func (t tally) topThree(x *examination, amount func(uint64) string) string {
	uids := make([]uint32, 0, len(t))
	for uid := range t {
		uids = append(uids, uid)
	}
	slices.SortFunc(uids, func(a, b uint32) int { return cmp.Or(cmp.Compare(t[b], t[a]), cmp.Compare(a, b)) })
	var words []string
	for _, uid := range uids[:min(3, len(uids))] {
		words = append(words, x.users.User(uid)+" "+amount(t[uid]))
	}
	return strings.Join(words, ", ")
}

// plainNumber is a number without a unit.
func plainNumber(n uint64) string { return strconv.FormatUint(n, 10) }

// firstOf keeps the first lines of a list. A last line counts the lines that were cut.
func firstOf(most int, lines []string) []string {
	if len(lines) <= most {
		return lines
	}
	return append(slices.Clone(lines[:most]), fmt.Sprintf("and %d more", len(lines)-most))
}

// inBytesWords is a size for a sentence: "64 MiB", "1.5 GiB", "512 bytes".
func inBytesWords(n uint64) string {
	if n < 1024 {
		return schema.Counted(n, "byte")
	}
	f, unit := float64(n), -1
	units := []string{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}
	for f >= 1023.95 {
		f /= 1024
		unit++
	}
	return strings.TrimSuffix(strconv.FormatFloat(f, 'f', 1, 64), ".0") + " " + units[unit]
}

// ageWords is a time for a sentence: "3 days", "12 seconds".
func ageWords(d time.Duration) string {
	for _, unit := range []struct {
		length time.Duration
		name   string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}} {
		if d >= 2*unit.length {
			return schema.Counted(uint64(d/unit.length), unit.name)
		}
	}
	return schema.Counted(uint64(max(0, d)/time.Second), "second")
}

// holdersWords names the processes of a holders cell: "42/worker, 43/worker and 3 more".
func holdersWords(v schema.Value) string {
	var names []string
	seen := map[int]bool{}
	for _, e := range v.Endpoints() {
		if !seen[e.PID] {
			seen[e.PID] = true
			names = append(names, fmt.Sprintf("%d/%s", e.PID, e.Comm))
		}
	}
	words := strings.Join(firstOf(4, names), ", ")
	switch {
	case len(names) == 0 && (v.Partial() || v.State() == schema.Denied):
		return "processes that could not be looked into"
	case len(names) == 0:
		return "nobody that was seen"
	case v.Partial():
		return words + ", and perhaps processes that could not be looked into"
	}
	return words
}

// percent is the part of a limit that is used, rounded down: 99.9 % is 99.
func percent(used, limit uint64) uint64 {
	if limit == 0 {
		return 0
	}
	return uint64(float64(used) / float64(limit) * 100)
}
