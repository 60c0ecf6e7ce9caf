package schema

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unsafe"
)

// State is how much is known of a cell. There are no sentinel numbers.
type State uint8

const (
	NotCollected State = iota // nobody asked for this cell in this snapshot: shown "…"
	Known                     // the cell has a payload
	Absent                    // does not apply, or was never set: shown blank ("-" in --once)
	Denied                    // missing rights: shown "denied"
)

// Type is the type of a cell's payload. It decides the unit, the text on screen, the comparison, and the value for
// --where.
type Type uint8

const (
	TypeString   Type = iota
	TypeInt           // a plain number
	TypeBytes         // a size in bytes
	TypeDuration      // nanoseconds in Value; seconds in JSON
	TypeTime          // Unix nanoseconds in Value; RFC 3339 in JSON
	TypePerms         // permission bits; "0644"
	TypeKey           // a System V key; "0x00001234"
	TypeBool
	TypeFloat     // for example percent of one CPU
	TypeEndpoints // processes: holders, readers, writers, waiters
	TypeList      // several strings; JSON array
	TypeRef       // another object
)

var typeNames = [...]string{
	TypeString: "string", TypeInt: "int", TypeBytes: "bytes", TypeDuration: "duration", TypeTime: "time",
	TypePerms: "perms",
	TypeKey:   "key", TypeBool: "bool", TypeFloat: "float", TypeEndpoints: "processes", TypeList: "list",
	TypeRef: "ref",
}

func (t Type) String() string { return typeNames[t] }

// Numeric is true if the screen shows cells of this type right-aligned.
func (t Type) Numeric() bool {
	switch t {
	case TypeInt, TypeBytes, TypeDuration, TypeFloat:
		return true
	}
	return false
}

// Endpoint is one process at one end of an object.
type Endpoint struct {
	PID  int
	TID  int    // the thread, where it matters (waiters); 0: not known
	Comm string // untrusted bytes
	FD   int    // -1: not through a file descriptor
	Mode string // "r", "w", "rw", or a waiter's call: "msgsnd", "semop"
	Maps int    // number of mappings (shared memory); 0: not mapped
	// Start is the process's start time in clock ticks since boot. PID and Start together identify the process.
	Start uint64
}

// Ref is the process as an object reference.
func (e Endpoint) Ref() Ref { return Ref{Kind: Proc, ID: uint64(e.PID), Gen: e.Start} }

// Value is one cell: a typed payload and a State. The zero Value is a NotCollected string. It is small, because a
// snapshot has many: the payload is a number, or a part of memory that nobody changes any more (payload.go).
type Value struct {
	_       [0]func() // no ==, which would compare addresses: see Equal
	num     int64     // Int, Bytes (as uint64 bits), Duration, Time, Perms, Key, Bool, Float (as bits)
	memory  unsafe.Pointer
	size    uint32 // of memory, in elements
	state   State
	typ     Type
	name    bool // of a String: see Name
	partial bool // of Endpoints
	shared  bool // of Endpoints
}

// String, Int, … make Known Values.
func String(s string) Value { return textValue(s) }
func Int(n int64) Value     { return Value{state: Known, typ: TypeInt, num: n} }

// Name is a String that people type again: the name or path of an object. Tables show it with Printed.
func Name(s string) Value {
	v := textValue(s)
	v.name = true
	return v
}

// Bytes is a size in bytes; System V sizes use all 64 bits.
func Bytes(n uint64) Value { return Value{state: Known, typ: TypeBytes, num: int64(n)} }

// Duration is a span of time.
func Duration(d time.Duration) Value { return Value{state: Known, typ: TypeDuration, num: int64(d)} }

// Time is a moment. The zero time means "never": the cell is Absent.
func Time(t time.Time) Value {
	if t.IsZero() {
		return None(TypeTime)
	}
	return Value{state: Known, typ: TypeTime, num: t.UnixNano()}
}

// UnixTime is a moment in Unix seconds. The kernel's 0 means "never": the cell is Absent.
func UnixTime(sec int64) Value {
	if sec == 0 {
		return None(TypeTime)
	}
	return Time(time.Unix(sec, 0))
}

// Perms are permission bits (mode & 0777).
func Perms(mode uint32) Value { return Value{state: Known, typ: TypePerms, num: int64(mode & 0o777)} }

// Key is a System V key. Key 0 is IPC_PRIVATE.
func Key(k uint32) Value { return Value{state: Known, typ: TypeKey, num: int64(k)} }

func Float(f float64) Value {
	return Value{state: Known, typ: TypeFloat, num: int64(math.Float64bits(f))}
}

func Bool(b bool) Value {
	v := Value{state: Known, typ: TypeBool}
	if b {
		v.num = 1
	}
	return v
}

// Endpoints are the processes at an object. Nobody may change e later. partial means that ipctop could not read some
// processes, so there may be more endpoints.
func Endpoints(e []Endpoint, partial bool) Value {
	if partial && len(e) == 0 {
		return Refused(TypeEndpoints)
	}
	v := endpointsValue(e)
	v.partial = partial
	return v
}

// MostShared is the largest number of SharedEndpoints that a row of an output names.
const MostShared = 100

// SharedEndpoints are Endpoints that many rows of a table have in common. Each row names only the first MostShared:
// else a thousand readers of one pipe make a million names.
func SharedEndpoints(e []Endpoint) Value {
	v := endpointsValue(e)
	v.shared = true
	return v
}

// List is several strings. ipctop does not interpret them. Nobody may change l later.
func List(l []string) Value { return listValue(l) }

// RefValue is another object.
func RefValue(r Ref) Value { return refValue(&r) }

// RefAt is the object that r names. It takes no memory, and nobody may change *r later.
func RefAt(r *Ref) Value { return refValue(r) }

// None is a cell that does not apply or was never set.
func None(t Type) Value { return Value{state: Absent, typ: t} }

// Refused is a cell that the caller may not read.
func Refused(t Type) Value { return Value{state: Denied, typ: t} }

// Uncollected is a cell that nobody asked for in this snapshot.
func Uncollected(t Type) Value { return Value{state: NotCollected, typ: t} }

func (v Value) State() State            { return v.state }
func (v Value) Type() Type              { return v.typ }
func (v Value) IsKnown() bool           { return v.state == Known }
func (v Value) Int() int64              { return v.num }
func (v Value) Uint() uint64            { return uint64(v.num) }
func (v Value) Float() float64          { return math.Float64frombits(uint64(v.num)) }
func (v Value) Bool() bool              { return v.num != 0 }
func (v Value) IsName() bool            { return v.name }
func (v Value) Time() time.Time         { return time.Unix(0, v.num) }
func (v Value) Duration() time.Duration { return time.Duration(v.num) }

// Named gives the Endpoints that an output names.
func (v Value) Named() []Endpoint {
	ends := v.Endpoints()
	if len(ends) > MostShared && v.shared {
		return ends[:MostShared:MostShared]
	}
	return ends
}

// Partial is true if there may be more endpoints than these.
func (v Value) Partial() bool { return v.partial }

// Compare orders two cells of one column. Known cells come first, in the order of their payload: numbers as numbers,
// sizes as unsigned numbers. Then come Absent, Denied and NotCollected. See CompareDesc for the descending order.
func Compare(a, b Value) int {
	if a.state != Known || b.state != Known {
		return cmp.Compare(stateRank(a.state), stateRank(b.state))
	}
	return comparePayload(a, b)
}

// CompareDesc is the descending order: it swaps only known cells, so unknown cells stay last.
func CompareDesc(a, b Value) int {
	if a.state != Known || b.state != Known {
		return cmp.Compare(stateRank(a.state), stateRank(b.state))
	}
	return comparePayload(b, a)
}

func stateRank(s State) int {
	switch s {
	case Known:
		return 0
	case Absent:
		return 1
	case Denied:
		return 2
	}
	return 3
}

func comparePayload(a, b Value) int {
	if a.typ != b.typ {
		return cmp.Compare(a.typ, b.typ)
	}
	switch a.typ {
	case TypeString:
		return strings.Compare(a.Str(), b.Str())
	case TypeBytes, TypeKey:
		return cmp.Compare(uint64(a.num), uint64(b.num))
	case TypeFloat:
		return cmp.Compare(a.Float(), b.Float())
	case TypeEndpoints:
		return cmp.Or(cmp.Compare(len(a.Endpoints()), len(b.Endpoints())), compareEnds(a.Endpoints(), b.Endpoints()))
	case TypeList:
		return slices.Compare(a.List(), b.List())
	case TypeRef:
		return CompareRefs(a.Ref(), b.Ref())
	default:
		return cmp.Compare(a.num, b.num)
	}
}

func compareEnds(a, b []Endpoint) int {
	return slices.CompareFunc(a, b,
		func(x, y Endpoint) int { return cmp.Or(cmp.Compare(x.PID, y.PID), cmp.Compare(x.FD, y.FD)) })
}

// Equal is true if two cells have the same state, type and payload. go-cmp uses it.
func (v Value) Equal(o Value) bool {
	if v.state != o.state || v.typ != o.typ {
		return false
	}
	return v.state != Known || (Compare(v, o) == 0 && v.Partial() == o.Partial() && slices.Equal(v.Endpoints(),
		o.Endpoints()))
}

// String is for the messages of tests: views.Text writes a cell for people.
func (v Value) String() string {
	if v.state != Known {
		return fmt.Sprintf("%v of state %d", v.typ, v.state)
	}
	switch v.typ {
	case TypeString:
		return fmt.Sprintf("%v %q", v.typ, v.Str())
	case TypeEndpoints:
		return fmt.Sprintf("%v %+v, partial %v", v.typ, v.Endpoints(), v.partial)
	case TypeList:
		return fmt.Sprintf("%v %q", v.typ, v.List())
	case TypeRef:
		return fmt.Sprintf("%v %v", v.typ, v.Ref())
	case TypeFloat:
		return fmt.Sprintf("%v %v", v.typ, v.Float())
	}
	return fmt.Sprintf("%v %d", v.typ, v.num)
}
