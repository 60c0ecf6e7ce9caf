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

// LeaksWord is what the command line calls the view of leaks: the objects of all kinds that outlive their users, by
// verdict.
const LeaksWord = "leaks"

// CutLeaks takes the view's word out of the kinds and families that a person named.
func CutLeaks(words []string) (rest []string, leaks bool) {
	rest = slices.DeleteFunc(slices.Clone(words), func(w string) bool { return w == LeaksWord })
	return rest, len(rest) < len(words)
}

// SelectLeaks is Select for the view: the kinds that have verdicts. The error names a word that means none of them.
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

// HasVerdicts says whether the mechanism's objects are judged.
func HasVerdicts(m *kinds.Mechanism) bool {
	_, ok := m.Column("verdict")
	return ok
}

// LeakColumns are those that the view shows of a kind.
func LeakColumns(m *kinds.Mechanism) []schema.Column {
	columns := []schema.Column{RefColumn()}
	for _, id := range []string{"verdict", "owner", "path", "size", "rss", "swap", "allocated", "usedbytes", "age",
		"creator_state", "app", "reasons"} {
		// What a POSIX queue holds is not read: that would set its change time.
		if c, ok := m.Column(id); ok && c.Needs&kinds.NeedQueueText == 0 {
			columns = append(columns, *c)
		}
	}
	return columns
}

// VerdictOf is an object's verdict; "" where nobody asked for it.
func VerdictOf(m *kinds.Mechanism, o *schema.Object) relate.Leak {
	c, ok := m.Column("verdict")
	if !ok || !c.Get(o).IsKnown() {
		return ""
	}
	return relate.Leak(c.Get(o).Str())
}

// Unjudged says whether an object has no verdict because it goes away with its users.
func Unjudged(m *kinds.Mechanism, o *schema.Object) bool {
	c, ok := m.Column("verdict")
	return !ok || c.Get(o).State() == schema.Absent
}

// LeakBytes is what the end of an object would free: bytes in memory, swap or a queue.
func LeakBytes(m *kinds.Mechanism, o *schema.Object) (bytes uint64) {
	for _, id := range []string{"rss", "swap", "allocated", "usedbytes"} {
		if c, ok := m.Column(id); ok {
			if v := c.Get(o); v.IsKnown() {
				bytes += v.Uint()
			}
		}
	}
	return bytes
}

// Leak is an object with its verdict.
type Leak struct {
	Mechanism *kinds.Mechanism
	Object    *schema.Object
	Verdict   relate.Leak
	Bytes     uint64
}

// SortLeaks orders rows by verdict, those worth a look first, and those of one verdict by the keys; without any by
// what they hold, the most first.
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

// placesOf are the places of the rows' objects in the order of the keys, over all kinds.
func placesOf(rows []Leak, keys []SortKey) map[*schema.Object]int {
	objects := make([]*schema.Object, len(rows))
	columns := map[schema.Kind][]schema.Column{}
	for i, r := range rows {
		objects[i] = r.Object
		if k := r.Object.Ref.Kind; columns[k] == nil {
			columns[k] = ColumnsOf(r.Mechanism)
		}
	}
	SortObjects(objects, keys, func(k schema.Kind, id string) (schema.Column, bool) { return findColumn(columns[k], id) })
	place := make(map[*schema.Object]int, len(objects))
	for i, o := range objects {
		place[o] = i
	}
	return place
}

// Gain is what the removal of all orphans would free of one of the kernel's limits.
type Gain struct {
	schema.Gauge
	Orphans uint64
}

// Gains tells how many of the objects that a limit counts are orphans: "3 of 32000 sets". Kinds without orphans or
// limit have none.
func Gains(s *collect.Snapshot, rows []Leak) []Gain {
	var gains []Gain
	for _, g := range s.Gauges {
		if g.What != "queues" && g.What != "sets" && g.What != "segments" && g.What != "POSIX queues" {
			continue
		}
		n := uint64(0)
		for _, r := range rows {
			if r.Verdict == relate.Orphan && r.Object.Ref.Kind == g.Kind && r.Object.Ref.Space == 0 {
				n++
			}
		}
		if n > 0 {
			gains = append(gains, Gain{g, n})
		}
	}
	return gains
}

// Leaks is the view of leaks as the dashboard has it.
func Leaks() View {
	mechs, _ := SelectLeaks(nil) // No word, no error.
	return View{Family: LeaksWord, Mechanisms: mechs, leaks: true}
}

// judged are the objects by verdict.
func (v View) judged(objects []*schema.Object) []Leak {
	rows := make([]Leak, 0, len(objects))
	for _, o := range objects {
		for _, m := range v.Mechanisms {
			if m.Kind == o.Ref.Kind {
				rows = append(rows, Leak{m, o, VerdictOf(m, o), LeakBytes(m, o)})
			}
		}
	}
	SortLeaks(rows, nil)
	return rows
}

// Totals says what the objects of a snapshot come to: how many of each verdict, and what the removal of the orphans
// would free. "" but for leaks.
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
		won = append(won, fmt.Sprintf("%d of %d %s", g.Orphans, g.Limit, g.What))
	}
	if len(won) == 0 {
		return says
	}
	return says + ": to be won " + strings.Join(won, ", ")
}

// withVerdict puts the verdict among the columns that a table shows, where it costs little: beside the age. FIFOs and
// sockets would take a look through directories.
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
