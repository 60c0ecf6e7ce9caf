package schema

// Rel is how two objects hang together.
type Rel string

const (
	RelCreated  Rel = "created"
	RelHolds    Rel = "holds"
	RelMaps     Rel = "maps"
	RelReads    Rel = "reads"
	RelWrites   Rel = "writes"
	RelWaitsOn  Rel = "waits_on"
	RelPeer     Rel = "peer"
	RelLastUsed Rel = "last_used"
	RelParent   Rel = "parent"
	RelCouldEnd Rel = "could_end" // a process the waits for an object
	RelWatches  Rel = "watches"   // an epoll instance what it reports on, a pidfd its process
)

// Proof says how sure an Edge or a Finding is.
type Proof string

const (
	Observed Proof = "observed"
	Inferred Proof = "inferred"
)

// Edge is a relation, read From Rel To: "proc:12 waits_on sem:5".
type Edge struct {
	From, To Ref
	Rel      Rel
	Via      string // how, in words: "fd 3", "semop [2] -1", "2 mappings"
	Proof    Proof
}

// Severity of a Finding, in rising order.
type Severity string

const (
	Info     Severity = "info"
	Warning  Severity = "warning"
	Critical Severity = "critical"
)

// Finding is a verdict with its evidence, in sentences.
type Finding struct {
	Kind     string // "deadlock", "stuck", "leak", "limit", …
	Severity Severity
	Proof    Proof
	Refs     []Ref
	Says     string
	Evidence []string
	Advice   string // what to do about it; "": nothing
	// Alike is the same for findings of a snapshot that say the same of other objects, of which a person needs to read
	// but one; "": like no other.
	Alike string
}

// Fault is something that could not be read, and why. One fault never empties another mechanism.
type Fault struct {
	Source string // a kind, or a source such as "fds"
	Says   string // one sentence: what is missing from this snapshot, and why
	Denied bool   // missing rights, rather than a failure
	Count  int    // how many processes, objects or lines it concerns; 0: does not apply
}

// Gauge is a total against the kernel's limit.
type Gauge struct {
	Kind  Kind
	What  string // "queues", "segments", "pages"
	Used  uint64
	Limit uint64 // 0: no limit known
	Type  Type   // TypeInt or TypeBytes
	Knob  string // the sysctl that sets the limit; "" where there is none
}
