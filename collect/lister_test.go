package collect

import (
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// asks is a kind whose Collect asks for the objects of others, and counts how often it is asked.
func asks(kind schema.Kind, requires, asked []schema.Kind, count *int) *kinds.Mechanism {
	return &kinds.Mechanism{Kind: kind, Requires: requires, Collect: func(t *proc.Tick) ([]*schema.Object, error) {
		*count++
		var objects []*schema.Object
		for _, k := range asked {
			objects = append(objects, t.Objects(k)...)
		}
		return append(objects, &schema.Object{Ref: schema.Ref{Kind: kind}}), nil
	}}
}

func listOf(mechanisms ...*kinds.Mechanism) *lister {
	l := &lister{f: &proc.Tick{}, mechanisms: mechanisms, done: map[schema.Kind][]*schema.Object{}}
	l.f.Objects = l.objects
	return l
}

// A kind that others require is collected once, whatever its place in the list.
func TestRequiredKindsAreCollectedOnce(t *testing.T) {
	var a, b, c int
	l := listOf(asks("a", []schema.Kind{"c"}, []schema.Kind{"c"}, &a), asks("b", []schema.Kind{"a", "c"},
		[]schema.Kind{"a", "c"}, &b), asks("c", nil, nil, &c))
	var got []string
	for _, o := range l.withoutAspects("b") {
		got = append(got, string(o.Ref.Kind))
	}
	l.withoutAspects("a")
	if diff := gocmp.Diff([]string{"c", "a", "c", "b"}, got); diff != "" || a != 1 || b != 1 || c != 1 {
		t.Errorf("collected %d, %d and %d times\n%s", a, b, c, diff)
	}
}

// panicOf is what f panics with.
func panicOf(f func()) (says string) {
	defer func() { says, _ = recover().(string) }()
	f()
	return ""
}

// A kind that asks for what it does not require, and a circle of requirements, show in the first test that meets them.
func TestUnnamedRequirementsPanic(t *testing.T) {
	var n int
	for want, l := range map[string]*lister{
		"its Requires do not name the kind": listOf(asks("a", nil, []schema.Kind{"b"}, &n), asks("b", nil, nil, &n)),
		"kind a requires itself": listOf(asks("a", []schema.Kind{"b"}, []schema.Kind{"b"}, &n),
			asks("b", []schema.Kind{"a"}, []schema.Kind{"a"}, &n)),
	} {
		if says := panicOf(func() { l.withoutAspects("a") }); !strings.Contains(says, want) {
			t.Errorf("panics with %q, want %q", says, want)
		}
	}
}

// An aspect, too, names what it requires.
func TestAspectsNameWhatTheyRequire(t *testing.T) {
	var n int
	l := listOf(asks("a", nil, nil, &n), asks("b", nil, nil, &n))
	aspect := kinds.Aspect{Name: "judge", Of: map[schema.Kind]schema.Need{"a": 0},
		Fill: func(t *proc.Tick, _ schema.Kind, _ schema.Need, _ []*schema.Object) { t.Objects("b") }}
	if says := panicOf(func() { l.withAspects("a", []kinds.Aspect{aspect}) }); !strings.HasPrefix(says,
		"judge asks for") {
		t.Errorf("panics with %q", says)
	}
	aspect.Requires = []schema.Kind{"b"}
	if says := panicOf(func() { l.withAspects("a", []kinds.Aspect{aspect}) }); says != "" {
		t.Error(says)
	}
}

// Each need has one bit, which no other room uses, and each that a column takes has a name in --list-columns, but for
// those that no column takes alone.
func TestNeedsAreUnique(t *testing.T) {
	const unnamed = proc.NeedEveryone | proc.NeedMounts
	known := unnamed
	for _, c := range Costs() {
		if c.Need&known != 0 || c.Name == "" {
			t.Errorf("the need of %q is taken: %#x", c.Name, uint64(c.Need&known))
		}
		known |= c.Need
	}
	for _, m := range Mechanisms() {
		all := m.Needs | m.Relates | m.Diagnoses
		for _, c := range m.Columns {
			all |= c.Needs
		}
		if more := all &^ known; more != 0 {
			t.Errorf("%s takes needs without a name: %#x", m.Kind, uint64(more))
		}
	}
}

// What an aspect names is there: its kinds, its columns, and the columns that they follow.
func TestAspectsAreDeclaredInFull(t *testing.T) {
	for _, a := range Aspects() {
		own := map[schema.Kind]map[string]bool{}
		some := map[string]bool{}
		for kind, needs := range a.Of {
			own[kind] = map[string]bool{}
			for _, c := range a.Columns(kind, needs) {
				own[kind][c.ID], some[c.ID] = true, true
			}
		}
		for _, id := range a.OnDemand {
			if !some[id] {
				t.Errorf("%s adds no column %s", a.Name, id)
			}
		}
		for kind, ids := range a.Default {
			for _, id := range ids {
				if !own[kind][id] {
					t.Errorf("%s does not add %s to %s", a.Name, id, kind)
				}
			}
		}
		for _, m := range mechanisms() {
			if id, ok := a.Behind[m.Kind]; ok {
				if _, has := m.Column(id); !has {
					t.Errorf("%s stands behind %s, which %s has not", a.Name, id, m.Kind)
				}
			}
			for _, c := range m.Columns {
				if own[m.Kind][c.ID] {
					t.Errorf("%s and %s both have the column %s", m.Kind, a.Name, c.ID)
				}
			}
		}
	}
}
