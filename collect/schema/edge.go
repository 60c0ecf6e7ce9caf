package schema

// Rel is the kind of a relation between two objects.
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
	RelCouldEnd Rel = "could_end" // from a process to a wait that it could end
	RelWatches  Rel = "watches"   // from an epoll instance to an object that it watches, or from a pidfd to its process
)

// Proof is the strength of an Edge or a Finding: observed in the kernel, or inferred.
type Proof string

const (
	Observed Proof = "observed"
	Inferred Proof = "inferred"
)

// Edge is a relation. People read it From Rel To: "proc:12 waits_on sem:5".
type Edge struct {
	From, To Ref
	Rel      Rel
	Via      Via
	Proof    Proof
}

// Severity of a Finding, in rising order.
type Severity string

const (
	Info     Severity = "info"
	Warning  Severity = "warning"
	Critical Severity = "critical"
)

// Finding is a verdict. Its evidence is in sentences.
type Finding struct {
	Kind     string // "deadlock", "stuck", "leak", "limit", …
	Severity Severity
	Proof    Proof
	Refs     []Ref
	Says     string
	Evidence []string
	Advice   string // what the person can do; "": nothing
	// Alike groups findings of a snapshot that say the same of other objects: all have the same text here. A person
	// needs to read only one of the group. "": the finding is in no group.
	Alike string
}

// Fault is something that ipctop could not read, and the reason. A fault of one mechanism never empties another.
type Fault struct {
	Source string // a kind, or a source such as "fds"
	Says   string // one sentence: what this snapshot lacks, and the reason
	Denied bool   // the cause is missing rights, not a failure
	Failed bool   // the cause is an error that should not be, such as no free descriptor
	Count  int    // number of processes, objects or lines with this fault; 0: does not apply
}

// Gauge is a total and the kernel's limit for it.
type Gauge struct {
	Kind  Kind
	What  string // "queues", "segments", "pages"
	Used  uint64
	Limit uint64 // 0: no limit known
	Type  Type   // TypeInt or TypeBytes
	Knob  string // the sysctl that sets the limit; "": there is none
}
