package collect

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/ipctop/ipctop/collect/kernel/namespace"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// Request tells what a snapshot should hold. Only what it names is read.
type Request struct {
	// Want lists the kinds. Each has the needs of its shown, sorted and filtered columns.
	Want map[schema.Kind]schema.Need
	// Edges asks for the relations between the objects.
	Edges bool
	// Findings asks for the verdicts on the objects.
	Findings bool
	// Gauges asks for the totals of every mechanism, even if Want does not list it. They are cheap.
	Gauges bool
	// AllNamespaces asks for the objects of every namespace that can be entered. Without it only the reader's own are
	// listed.
	AllNamespaces bool
	// Grace is the age below which the verdict on an object is not orphan. 0: DefaultGrace; below 0: none.
	Grace time.Duration
	// Detail is an object whose on-demand columns are read, because its page is open.
	Detail schema.Ref
}

// DefaultGrace is the age below which no object is called an orphan. Programs make an object some time before they use
// it.
const DefaultGrace = 5 * time.Minute

// NoGrace is a Grace for objects of any age.
const NoGrace time.Duration = -1

// graceFlag is Grace as --grace takes it; "": the usual one.
func (r *Request) graceFlag() string {
	if r.grace() == DefaultGrace {
		return ""
	}
	return r.grace().String()
}

// grace is Grace as a real time span.
func (r *Request) grace() time.Duration {
	if r.Grace == 0 {
		return DefaultGrace
	}
	return max(0, r.Grace)
}

// Snapshot is the result of one tick. Nobody changes it after it is published, so any goroutine may read it.
type Snapshot struct {
	Taken        time.Time
	Host         string // node name (uname -n)
	BootID       string // /proc/sys/kernel/random/boot_id
	IPCNamespace uint64 // inode of the reader's own IPC namespace; 0: not known

	Request  Request
	Objects  map[schema.Kind][]*schema.Object // a kind of Want is here even if it has no objects
	Edges    []schema.Edge
	Findings []schema.Finding
	Faults   []schema.Fault
	// Pending is true if threads look stuck, and a second snapshot of the same Collector must confirm it.
	Pending bool
	Notes   []string // sentences on objects that are there, but were not asked for
	Gauges  []schema.Gauge

	Source proc.Source // of the walk over the processes

	Cost  []Cost // of each source and mechanism, in the order they ran
	Total time.Duration

	index map[schema.Kind]*kindIndex
	ways  map[namespace.Namespace]namespace.Namespace // from a namespace without Path to the same one with Path
}

// Cost is the time that a part of the snapshot took.
type Cost struct {
	Part string // "walk", or a kind
	Took time.Duration
}

// FindNamespace returns a namespace that the snapshot found, with a path to it. typ and ino are its type and inode.
// It works only in snapshots for AllNamespaces.
func (s *Snapshot) FindNamespace(typ string, ino uint64) (namespace.Namespace, bool) {
	ns, ok := s.ways[namespace.Namespace{Type: typ, Ino: ino}]
	return ns, ok
}

// kindIndex finds the objects of one kind.
type kindIndex struct {
	finds atomic.Int32
	once  sync.Once
	byRef map[schema.Ref]*schema.Object
}

// fewFinds is the number of times that Find goes through the list of a kind. After that it makes an index, which costs
// as much as some hundred ways through the list.
const fewFinds = 50

// Find returns the object with exactly this identity; nil: it is not in the snapshot.
func (s *Snapshot) Find(r schema.Ref) *schema.Object {
	k, objects := s.index[r.Kind], s.Objects[r.Kind]
	if k != nil && k.finds.Add(1) > fewFinds {
		return k.find(objects, r)
	}
	for _, o := range objects {
		if o.Ref.ID == r.ID && o.Ref == r {
			return o
		}
	}
	return nil
}

func (k *kindIndex) find(objects []*schema.Object, r schema.Ref) *schema.Object {
	k.once.Do(func() {
		k.byRef = make(map[schema.Ref]*schema.Object, len(objects))
		for _, o := range objects {
			k.byRef[o.Ref] = o
		}
	})
	return k.byRef[r]
}

// ReadyToFind makes Find fast for the objects of a kind. It is for a goroutine that has the time, before another one
// that has not looks for many objects.
func (s *Snapshot) ReadyToFind(kind schema.Kind) {
	if k := s.index[kind]; k != nil {
		k.finds.Store(fewFinds)
		k.find(s.Objects[kind], schema.Ref{})
	}
}

// Covers reports true if the snapshot was taken for all that r names. It does not compare namespaces. A snapshot for
// another request may hold the same kinds, but with cells that were never read.
func (s *Snapshot) Covers(r Request) bool {
	for kind, need := range r.Want {
		if had, ok := s.Request.Want[kind]; !ok || need&^had != 0 {
			return false
		}
	}
	return (s.Request.Edges || !r.Edges) && (s.Request.Findings || !r.Findings) &&
		(r.Detail.IsZero() || r.Detail == s.Request.Detail)
}

func (s *Snapshot) makeIndex() {
	s.index = make(map[schema.Kind]*kindIndex, len(s.Objects))
	for kind := range s.Objects {
		s.index[kind] = &kindIndex{}
	}
}
