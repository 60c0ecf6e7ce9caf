package collect

import (
	"sync"
	"time"

	"github.com/ipctop/ipctop/collect/kernel/namespace"
	"github.com/ipctop/ipctop/collect/schema"
)

// Request says what a snapshot should hold. Only what it names is read.
type Request struct {
	// Want are the kinds to list, each with what its shown, sorted and filtered columns need.
	Want map[schema.Kind]schema.Need
	// Edges asks for the relations between the objects as well.
	Edges bool
	// Findings asks for the verdicts on the objects as well.
	Findings bool
	// Gauges asks for totals of every mechanism, wanted or not; they are cheap.
	Gauges bool
	// AllNamespaces asks for the objects of every namespace that can be entered; else those of the reader's own.
	AllNamespaces bool
	// Grace is the age that an object has to have before its verdict may be orphan. 0: DefaultGrace, below 0: none.
	Grace time.Duration
	// Detail is an object whose on-demand columns are to be read (its page is open).
	Detail schema.Ref
}

// DefaultGrace is the age below which no object is called an orphan: programs make an object some time before they
// use it.
const DefaultGrace = 5 * time.Minute

// NoGrace is the Request's Grace for objects of any age.
const NoGrace time.Duration = -1

// grace is the grace time as a span.
func (r *Request) grace() time.Duration {
	if r.Grace == 0 {
		return DefaultGrace
	}
	return max(0, r.Grace)
}

// Snapshot is one tick's result. It is immutable once published, so that any goroutine may read it.
type Snapshot struct {
	Taken        time.Time
	Host         string // node name (uname -n)
	BootID       string // /proc/sys/kernel/random/boot_id
	IPCNamespace uint64 // inode of the reader's own IPC namespace; 0: not known

	Request  Request
	Objects  map[schema.Kind][]*schema.Object // kinds that were asked for are there even when empty
	Edges    []schema.Edge
	Findings []schema.Finding
	Faults   []schema.Fault
	// Pending says that threads look stuck, and that a second snapshot of the same Collector has to confirm it.
	Pending bool
	Notes   []string // sentences on what was not asked for, but is there
	Gauges  []schema.Gauge

	Cost  []Cost // per source and mechanism, in the order they ran
	Total time.Duration

	index func() map[schema.Ref]*schema.Object
	ways  map[namespace.Namespace]namespace.Namespace // without Path -> with it
}

// Cost is what a part of the snapshot took.
type Cost struct {
	Part string // "walk", or a kind
	Took time.Duration
}

// Way is a namespace that the snapshot found, by its type and inode, with a path that leads to it. It takes a Request
// for AllNamespaces.
func (s *Snapshot) Way(typ string, ino uint64) (namespace.Namespace, bool) {
	ns, ok := s.ways[namespace.Namespace{Type: typ, Ino: ino}]
	return ns, ok
}

// Find gives the object with exactly this identity, nil if it is not in the snapshot.
func (s *Snapshot) Find(r schema.Ref) *schema.Object { return s.index()[r] }

// Covers says whether the snapshot was taken for all that r names, namespaces aside. One that was taken for something
// else may hold the same kinds with cells that nobody read.
func (s *Snapshot) Covers(r Request) bool {
	for kind, need := range r.Want {
		if had, ok := s.Request.Want[kind]; !ok || need&^had != 0 {
			return false
		}
	}
	return (s.Request.Edges || !r.Edges) && (s.Request.Findings || !r.Findings) &&
		(r.Detail.IsZero() || r.Detail == s.Request.Detail)
}

func (s *Snapshot) seal() {
	s.index = sync.OnceValue(func() map[schema.Ref]*schema.Object {
		n := 0
		for _, l := range s.Objects {
			n += len(l)
		}
		index := make(map[schema.Ref]*schema.Object, n)
		for _, l := range s.Objects {
			for _, o := range l {
				index[o.Ref] = o
			}
		}
		return index
	})
}
