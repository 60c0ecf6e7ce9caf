package views_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/collecttest"
	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/views"
)

// chain is a machine whose processes talk in a row: 10 ─► pipe 1 ─► 11 ─► pipe 2 ─► 12. It also has a kernel thread, a
// process without relations, and pipe 3, which only 13 has.
func chain(t *testing.T) *collect.Snapshot {
	t.Helper()
	m := collecttest.New(t)
	pipe := func(ino string, access int) collecttest.FD {
		return collecttest.FD{Target: "pipe:[" + ino + "]", Flags: access}
	}
	for _, p := range []collecttest.Process{
		{PID: 2, Comm: "kthreadd"},
		{PID: 10, PPID: 1, Comm: "first", Args: []string{"first"},
			FDs: map[int]collecttest.FD{1: pipe("1", syscall.O_WRONLY)}},
		{PID: 11, PPID: 10, Comm: "second", Args: []string{"second"},
			FDs: map[int]collecttest.FD{0: pipe("1", syscall.O_RDONLY), 1: pipe("2", syscall.O_WRONLY)}},
		{PID: 12, PPID: 10, Comm: "third", Args: []string{"third"},
			FDs: map[int]collecttest.FD{0: pipe("2", syscall.O_RDONLY)}},
		{PID: 13, PPID: 1, Comm: "alone", Args: []string{"alone"},
			FDs: map[int]collecttest.FD{4: pipe("3", syscall.O_WRONLY)}},
	} {
		m.Process(p)
	}
	host, err := kernel.Open(m.Root)
	if err != nil {
		t.Fatal(err)
	}
	return collect.New(host, time.Now).Take(views.GraphRequest(false))
}

// drawn returns the nodes and edges of a graph in words.
func drawn(g *views.Graph) (nodes, edges []string) {
	for _, n := range g.Nodes {
		nodes = append(nodes, n.Ref.String()+" "+n.Label)
	}
	for _, e := range g.Edges {
		edges = append(edges, e.From.String()+" "+string(e.Rel)+" "+e.To.String())
	}
	return nodes, edges
}

func TestGraph(t *testing.T) {
	s := chain(t)
	ref := func(kind schema.Kind, id uint64) schema.Ref {
		for _, o := range s.Objects[kind] {
			if o.Ref.ID == id {
				return o.Ref
			}
		}
		t.Fatalf("no %s:%d", kind, id)
		return schema.Ref{}
	}
	type drawing struct{ Nodes, Edges []string }
	const (
		pipe1, pipe2, pipe3                  = "pipe:1 first → second", "pipe:2 second → third", "pipe:3 alone → ?"
		kthread, first, second, third, alone = "proc:2 kthreadd", "proc:10 first", "proc:11 second", "proc:12 third",
			"proc:13 alone"
		writes1, reads1, writes2, reads2, own3 = "proc:10 writes pipe:1", "proc:11 reads pipe:1",
			"proc:11 writes pipe:2",
			"proc:12 reads pipe:2", "proc:13 writes pipe:3"
	)
	for name, c := range map[string]struct {
		roots []schema.Ref
		depth int
		self  int
		want  drawing
	}{
		"all that is related": {nil, 0, 0,
			drawing{[]string{pipe1, pipe2, pipe3, first, second, third, alone},
				[]string{writes1, reads1, writes2, reads2, own3}}},
		"but what only the process itself has": {nil, 0, 13,
			drawing{[]string{pipe1, pipe2, first, second, third}, []string{writes1, reads1, writes2, reads2}}},
		"what it shares stays": {nil, 0, 10,
			drawing{[]string{pipe1, pipe2, pipe3, second, third, alone}, []string{reads1, writes2, reads2, own3}}},
		"an object's processes": {[]schema.Ref{ref(schema.Pipe, 1)}, 1, 0,
			drawing{[]string{pipe1, first, second}, []string{writes1, reads1}}},
		"and what these have": {[]schema.Ref{ref(schema.Pipe, 1)}, 2, 0,
			drawing{[]string{pipe1, pipe2, first, second}, []string{writes1, reads1, writes2}}},
		"a process's peers": {[]schema.Ref{ref(schema.Proc, 12)}, 2, 0,
			drawing{[]string{pipe2, second, third}, []string{writes2, reads2}}},
		"of two": {[]schema.Ref{ref(schema.Proc, 12), ref(schema.Pipe, 3)}, 0, 0,
			drawing{[]string{pipe3, third}, nil}},
		"a process without relations": {[]schema.Ref{ref(schema.Proc, 2)}, 5, 0, drawing{[]string{kthread}, nil}},
		"the process itself, if it is named": {[]schema.Ref{ref(schema.Proc, 13)}, 5, 13,
			drawing{[]string{pipe3, alone}, []string{own3}}},
		"and what it alone has": {[]schema.Ref{ref(schema.Pipe, 3)}, 5, 13, drawing{[]string{pipe3}, nil}},
	} {
		nodes, edges := drawn(views.NewGraph(s, c.roots, c.depth, c.self))
		if diff := cmp.Diff(c.want, drawing{nodes, edges}); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

// Every program maps the C library's caches: a graph that went on through a cache would show the whole machine.
func TestGraphEndsAtFilesThatNobodyWrites(t *testing.T) {
	const cache, data = "7f0000000000-7f0000001000 r--s 00000000 fe:00 71 /usr/lib/cache",
		"7f0000002000-7f0000003000 rw-s 00000000 fe:00 72 /var/data"
	m := collecttest.New(t)
	m.Process(collecttest.Process{PID: 10, PPID: 1, Comm: "reader", Args: []string{"reader"}, Maps: []string{cache}})
	m.Process(collecttest.Process{PID: 11, PPID: 1, Comm: "both", Args: []string{"both"}, Maps: []string{cache, data}})
	m.Process(collecttest.Process{PID: 12, PPID: 1, Comm: "writer", Args: []string{"writer"}, Maps: []string{data}})
	host, err := kernel.Open(m.Root)
	if err != nil {
		t.Fatal(err)
	}
	s := collect.New(host, time.Now).Take(views.GraphRequest(false))
	for root, want := range map[string][]string{
		"proc:10": {"mmap:71@254:0 /usr/lib/cache", "proc:10 reader"},
		"proc:11": {"mmap:71@254:0 /usr/lib/cache", "mmap:72@254:0 /var/data", "proc:11 both", "proc:12 writer"},
		"mmap:71@254:0": {"mmap:71@254:0 /usr/lib/cache", "mmap:72@254:0 /var/data", "proc:10 reader", "proc:11 both",
			"proc:12 writer"},
	} {
		sel, err := schema.ParseSelector(root, views.KnownKind)
		if err != nil {
			t.Fatal(err)
		}
		ref, err := s.Resolve(sel)
		if err != nil {
			t.Fatal(err)
		}
		nodes, _ := drawn(views.NewGraph(s, []schema.Ref{ref}, 4, 0))
		if diff := cmp.Diff(want, nodes); diff != "" {
			t.Errorf("%s (-want +got):\n%s", root, diff)
		}
	}
}
