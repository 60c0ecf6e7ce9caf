package views

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/leaks"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
)

// LeaksWord names the view of leaks on the command line. This view lists objects of all kinds that outlive their users,
// by verdict.
const LeaksWord = "leaks"

// CutLeaks removes LeaksWord from a person's list of kinds and families.
func CutLeaks(words []string) (rest []string, leaks bool) {
	rest = slices.DeleteFunc(slices.Clone(words), func(w string) bool { return w == LeaksWord })
	return rest, len(rest) < len(words)
}

// SelectLeaks is Select over the kinds that have verdicts. The error names a word that selects none of them.
func SelectLeaks(words []string) ([]*kinds.Mechanism, error) {
	for _, w := range words {
		mechs, err := Select([]string{w})
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(mechs, HasVerdicts) {
			return nil, &UsageError{quote(w) + " does not outlive its users: leaks shows " + leakKinds()}
		}
	}
	mechs, err := Select(words)
	return slices.DeleteFunc(mechs, func(m *kinds.Mechanism) bool { return !HasVerdicts(m) }), err
}

func leakKinds() string {
	var kinds string
	for _, m := range collect.Mechanisms() {
		if HasVerdicts(m) {
			if kinds != "" {
				kinds += ", "
			}
			kinds += string(m.Kind)
		}
	}
	return kinds
}

// HasVerdicts is true if the mechanism's objects get a leak verdict.
func HasVerdicts(m *kinds.Mechanism) bool {
	_, ok := m.Column("verdict")
	return ok
}

// LeakColumns returns the columns of a kind in the view of leaks.
func LeakColumns(m *kinds.Mechanism) []schema.Column {
	columns := []schema.Column{RefColumn()}
	for _, id := range []string{"verdict", "owner", "path", "size", "rss", "swap", "allocated", "usedbytes", "age",
		"creator_state", "app", "reasons"} {
		// Leave out the content of a POSIX queue: a read would set the queue's change time.
		if c, ok := m.Column(id); ok && c.Needs&kinds.NeedQueueText == 0 {
			columns = append(columns, *c)
		}
	}
	return columns
}

// VerdictOf returns an object's verdict; "" if the request did not ask for verdicts.
func VerdictOf(m *kinds.Mechanism, o *schema.Object) relate.Leak {
	if j := leaks.VerdictOf(o); j != nil {
		return j.Verdict
	}
	return ""
}

// Unjudged is true if an object has no verdict because it goes away with its users.
func Unjudged(m *kinds.Mechanism, o *schema.Object) bool {
	c, ok := m.Column("verdict")
	return !ok || c.Get(o).State() == schema.Absent
}

// Leak is an object with its verdict.
type Leak struct {
	Mechanism *kinds.Mechanism
	Object    *schema.Object
	Verdict   relate.Leak
	Bytes     uint64
}

// OwnedBy is true if a user owns the object, or made it. The owner of a FIFO in use is not known.
func (l *Leak) OwnedBy(uid uint32) bool {
	switch r := l.Object.Row.(type) {
	case *kinds.MsgRow:
		return r.UID == uid || r.CUID == uid
	case *kinds.SemRow:
		return r.UID == uid || r.CUID == uid
	case *kinds.ShmRow:
		return r.UID == uid || r.CUID == uid
	case *kinds.PMsgRow:
		return r.UID == uid
	case *kinds.PSemRow:
		return r.UID == uid
	case *kinds.PShmRow:
		return r.UID == uid
	case *kinds.PipeRow:
		return r.File != nil && r.File.UID == uid
	case *kinds.UnixRow:
		return r.HasUID && r.UID == uid
	}
	return false
}

// SortLeaks sorts rows by verdict, the worst verdict first. Rows of one verdict are sorted by the keys. Without keys
// they are sorted by leaks.Bytes, the largest first.
func SortLeaks(rows []Leak, keys []SortKey) {
	within := func(a, b Leak) int { return cmp.Compare(b.Bytes, a.Bytes) }
	if len(keys) > 0 {
		place := placesOf(rows, keys)
		within = func(a, b Leak) int { return cmp.Compare(place[a.Object], place[b.Object]) }
	}
	slices.SortStableFunc(rows, func(a, b Leak) int {
		return cmp.Or(cmp.Compare(slices.Index(relate.Leaks(), a.Verdict), slices.Index(relate.Leaks(), b.Verdict)),
			within(a, b))
	})
}

// placesOf returns the position of each object in the order of the keys, over all kinds.
func placesOf(rows []Leak, keys []SortKey) map[*schema.Object]int {
	objects := make([]*schema.Object, len(rows))
	columns := map[schema.Kind][]schema.Column{}
	for i, r := range rows {
		objects[i] = r.Object
		if k := r.Object.Ref.Kind; columns[k] == nil {
			columns[k] = ColumnsOf(r.Mechanism)
		}
	}
	SortObjects(objects, keys,
		func(k schema.Kind, id string) (schema.Column, bool) { return findColumn(columns[k], id) })
	place := make(map[*schema.Object]int, len(objects))
	for i, o := range objects {
		place[o] = i
	}
	return place
}

// Gain is the part of a kernel limit that the removal of all orphans would free.
type Gain struct {
	schema.Gauge
	Won uint64 // in the unit of the gauge
}

// String returns "3 of 32000 sets".
func (g *Gain) String() string {
	if g.Limit == 0 {
		return fmt.Sprintf("%d %s", g.Won, g.What)
	}
	return fmt.Sprintf("%d of %d %s", g.Won, g.Limit, g.What)
}

// Gains adds up what the orphans use of each limit. A limit of which they use nothing has no Gain, and a limit that is
// out of reach neither.
func Gains(s *collect.Snapshot, rows []Leak) []Gain {
	var gains []Gain
	for _, g := range s.Gauges {
		use := gainOf(g.What)
		if use == nil {
			continue
		}
		won := uint64(0)
		for _, r := range rows {
			if r.Verdict == relate.Orphan && r.Object.Ref.Kind == g.Kind && r.Object.Ref.Space == 0 {
				won += use(r.Object)
			}
		}
		if won > 0 && (!sumsUp(g.What) || g.Limit < outOfReach*g.Used) {
			gains = append(gains, Gain{g, won})
		}
	}
	return gains
}

// gainOf returns the function that tells how much of a limit an object uses. It is nil for other gauges.
func gainOf(what string) func(*schema.Object) uint64 {
	switch what {
	case "queues", "sets", "segments", "POSIX queues":
		return func(*schema.Object) uint64 { return 1 }
	case "semaphores":
		return func(o *schema.Object) uint64 { return o.Row.(*kinds.SemRow).NSems }
	case "pages":
		return func(o *schema.Object) uint64 { return o.Row.(*kinds.ShmRow).Pages() }
	}
	return nil
}

// sumsUp is true for a limit of the sum over objects. Its default is usually out of reach: of kernel.shmall it is
// nearly 2^64 pages, of kernel.sem 1,024,000,000 semaphores (man 5 proc).
func sumsUp(what string) bool { return what == "semaphores" || what == "pages" }

// outOfReach is how many times the present use a limit must be to be left out.
const outOfReach = 100_000

// Leaks is the view of leaks in the dashboard.
func Leaks() View {
	mechs, _ := SelectLeaks(nil) // without a word there is no error
	return View{Family: LeaksWord, Mechanisms: mechs, leaks: true}
}

// judged returns the objects with their verdicts, sorted by verdict.
func (v View) judged(objects []*schema.Object) []Leak {
	rows := make([]Leak, 0, len(objects))
	for _, o := range objects {
		for _, m := range v.Mechanisms {
			if m.Kind == o.Ref.Kind {
				rows = append(rows, Leak{m, o, VerdictOf(m, o), leaks.Bytes(m, o)})
			}
		}
	}
	SortLeaks(rows, nil)
	return rows
}

// Totals counts the objects of each verdict, and the bytes that the removal of the orphans would free. It is "" for
// other views than leaks.
func (v View) Totals(s *collect.Snapshot) string {
	if !v.leaks {
		return ""
	}
	var objects []*schema.Object
	for _, m := range v.Mechanisms {
		objects = append(objects, s.Objects[m.Kind]...)
	}
	rows := v.judged(objects)
	count, bytes := map[relate.Leak]int{}, uint64(0)
	for _, r := range rows {
		count[r.Verdict]++
		if r.Verdict == relate.Orphan {
			bytes += r.Bytes
		}
	}
	var parts []string
	for _, verdict := range relate.Leaks() {
		if n := count[verdict]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, verdict))
		}
	}
	says := strings.Join(parts, ", ")
	if count[relate.Orphan] == 0 {
		return says
	}
	var won []string
	if bytes > 0 {
		won = append(won, Size(bytes))
	}
	for _, g := range Gains(s, rows) {
		won = append(won, g.String())
	}
	if len(won) == 0 {
		return says
	}
	return says + ": to be won " + strings.Join(won, ", ")
}

// withVerdict puts the verdict beside the age if it costs little. For FIFOs and sockets it costs a walk through
// directories.
func withVerdict(m *kinds.Mechanism) []string {
	c, ok := m.Column("verdict")
	at := slices.Index(m.Default, "age")
	if !ok || c.Needs.Has(leaks.NeedPaths) || slices.Contains(m.Default, "verdict") {
		return m.Default
	}
	if at < 0 {
		at = len(m.Default)
	}
	return slices.Insert(slices.Clone(m.Default), at, "verdict")
}
