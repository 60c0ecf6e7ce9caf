package views

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/schema"
)

// Graph holds the relations of a snapshot: who holds, waits on and talks to whom.
type Graph struct {
	Nodes []Node        // by Ref
	Edges []schema.Edge // sorted by ends, without repeats
}

// Node is a short description of one object.
type Node struct {
	Ref   schema.Ref
	Label string // untrusted bytes; "" if the kind has no label or the object is not in the snapshot
}

// GraphRequest asks for the facts of all relations: every kind, and the holders of semaphores.
func GraphRequest(allNamespaces bool) collect.Request {
	req := collect.Request{Want: map[schema.Kind]schema.Need{}, Edges: true, AllNamespaces: allNamespaces}
	for _, m := range collect.Mechanisms() {
		req.Want[m.Kind] = 0
	}
	req.Want[schema.Sem] = kinds.NeedUndo
	return req
}

// NewGraph makes a graph from the snapshot of a GraphRequest. It keeps the objects at most depth relations away from
// the roots. It does not go on through a file that nobody writes. Without roots it keeps every object with a relation.
// It leaves out kernel threads, the process self and objects that only they use, unless these are roots. Parent and
// child are no relation here.
func NewGraph(s *collect.Snapshot, roots []schema.Ref, depth int, self int) *Graph {
	hidden := hiddenProcesses(s, self)
	for _, r := range roots {
		delete(hidden, r)
	}
	edges := slices.DeleteFunc(slices.Clone(s.Edges), func(e schema.Edge) bool { return e.Rel == schema.RelParent })
	hideObjectsOf(edges, hidden, roots)
	edges = slices.DeleteFunc(edges, func(e schema.Edge) bool { return hidden[e.From] || hidden[e.To] })
	slices.SortFunc(edges, compareEdges)
	edges = slices.Compact(edges)

	near := map[schema.Ref]bool{}
	if len(roots) == 0 {
		for _, e := range edges {
			near[e.From], near[e.To] = true, true
		}
	} else {
		near = reachable(edges, roots, depth, filesWithoutWriter(s))
	}
	g := &Graph{Edges: slices.DeleteFunc(edges, func(e schema.Edge) bool { return !near[e.From] || !near[e.To] })}
	for _, r := range slices.SortedFunc(maps.Keys(near), schema.CompareRefs) {
		g.Nodes = append(g.Nodes, Node{r, labelOf(s, r)})
	}
	return g
}

func hiddenProcesses(s *collect.Snapshot, self int) map[schema.Ref]bool {
	hidden := map[schema.Ref]bool{}
	for _, m := range collect.Mechanisms() {
		if m.Kind != schema.Proc {
			continue
		}
		for _, o := range s.Objects[m.Kind] {
			if m.Background != nil && m.Background(o) || o.Ref.ID == uint64(self) {
				hidden[o.Ref] = true
			}
		}
	}
	return hidden
}

// hideObjectsOf hides the objects whose only relations are to hidden processes.
func hideObjectsOf(edges []schema.Edge, hidden map[schema.Ref]bool, roots []schema.Ref) {
	theirs := map[schema.Ref]bool{}
	for _, e := range edges {
		for _, pair := range [][2]schema.Ref{{e.From, e.To}, {e.To, e.From}} {
			process, object := pair[0], pair[1]
			if process.Kind != schema.Proc || object.Kind == schema.Proc {
				continue
			}
			if was, known := theirs[object]; !known || was {
				theirs[object] = hidden[process]
			}
		}
	}
	for object, only := range theirs {
		if only && !slices.Contains(roots, object) {
			hidden[object] = true
		}
	}
}

// filesWithoutWriter returns the files without a visible writer. Processes that only map the same file, such as a
// cache of the C library, have no relation through it.
func filesWithoutWriter(s *collect.Snapshot) map[schema.Ref]bool {
	found := map[schema.Ref]bool{}
	for _, m := range collect.Mechanisms() {
		if m.Kind != schema.Mmap {
			continue
		}
		holders, _ := m.Column("holders")
		for _, o := range s.Objects[m.Kind] {
			v := holders.Get(o)
			found[o.Ref] = v.IsKnown() && !slices.ContainsFunc(v.Endpoints(),
				func(e schema.Endpoint) bool { return strings.Contains(e.Mode, "w") })
		}
	}
	return found
}

// reachable walks the edges from the roots in both directions. It does not go on from an end, unless the end is a root.
func reachable(edges []schema.Edge, roots []schema.Ref, depth int, ends map[schema.Ref]bool) map[schema.Ref]bool {
	next := map[schema.Ref][]schema.Ref{}
	for _, e := range edges {
		next[e.From], next[e.To] = append(next[e.From], e.To), append(next[e.To], e.From)
	}
	near := map[schema.Ref]bool{}
	for _, r := range roots {
		near[r] = true
	}
	for front := roots; depth > 0 && len(front) > 0; depth-- {
		var further []schema.Ref
		for _, r := range front {
			for _, n := range next[r] {
				if !near[n] && (!ends[r] || slices.Contains(roots, r)) {
					near[n], further = true, append(further, n)
				}
			}
		}
		front = further
	}
	return near
}

func labelOf(s *collect.Snapshot, r schema.Ref) string {
	o := s.Find(r)
	if o == nil {
		return ""
	}
	if m := collect.MechanismOf(r.Kind); m != nil {
		return m.NamedLabel(o)
	}
	return ""
}

func compareEdges(a, b schema.Edge) int {
	return cmp.Or(schema.CompareRefs(a.From, b.From), schema.CompareRefs(a.To, b.To), cmp.Compare(a.Rel, b.Rel),
		cmp.Compare(a.Proof, b.Proof), a.Via.Compare(b.Via))
}
