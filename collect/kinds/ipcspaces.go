package kinds

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/ipctop/ipctop/collect/kernel/namespace"
	"github.com/ipctop/ipctop/collect/kernel/posix"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// ipcContent holds the objects of another IPC namespace, for the wanted kinds.
type ipcContent struct {
	space    *proc.Space
	queues   []sysv.MsgQueue
	sets     []sysv.SemSet
	segments []sysv.ShmSegment
	posix    []posix.Queue
}

// inSpace holds objects of one namespace.
type inSpace[T any] struct {
	place proc.Place
	list  []T
}

// inSpaces lists the objects of the reader's own namespace. If other namespaces are wanted, their objects follow. n
// is the number of objects.
func inSpaces[T any](t *proc.Tick, own []T, of func(*ipcContent) []T) (groups []inSpace[T], n int) {
	groups, n = []inSpace[T]{{t.OwnPlace("ipc"), own}}, len(own)
	for _, c := range otherIPC(t) {
		if list := of(c); len(list) > 0 {
			groups, n = append(groups, inSpace[T]{t.Place("ipc", c.space.Ino), list}), n+len(list)
		}
	}
	return groups, n
}

// SysvWait is the key of the threads that wait on a queue or a semaphore set.
func SysvWait(r schema.Ref) proc.WaitKey { return proc.WaitKey{Kind: r.Kind, Dev: r.Space, ID: r.ID} }

// otherIPC reads the System V objects and POSIX queues of the other namespaces, if they are wanted. It visits each
// namespace once, for all kinds.
func otherIPC(t *proc.Tick) []*ipcContent {
	if !t.AllNamespaces {
		return nil
	}
	return proc.Memo(t, readForeign)
}

// foreignIPC are the other IPC namespaces.
type foreignIPC []*ipcContent

func readForeign(t *proc.Tick) foreignIPC {
	if !t.Host.Live() {
		t.Fault("namespaces", fmt.Errorf("other namespaces are not shown: %w", sys.ErrNotLive))
		return nil
	}
	var foreign foreignIPC
	others := t.Others("ipc")
	for _, s := range others {
		foreign = append(foreign, &ipcContent{space: s})
	}
	denied := 0
	for _, err := range t.Host.VisitNamespaces(proc.Entries(others),
		func(i int) error { return readIPC(t, foreign[i]) }) {
		switch {
		case !namespace.Entered(err) && sys.Denied(err):
			denied++
		case err != nil && !sys.Gone(err):
			t.Fault("namespaces", err)
		}
	}
	deniedSpaces(t, "IPC", denied, len(others))
	return foreign
}

func deniedSpaces(t *proc.Tick, what string, denied, of int) {
	if denied > 0 {
		t.AddFault(schema.Fault{Source: "namespaces", Denied: true, Count: denied, Says: fmt.Sprintf(
			"%d of %d other %s namespaces could not be entered (permission denied): their objects are not shown; "+
				"root enters all", denied, of, what)})
	}
}

// readIPC lists the wanted objects, inside the namespace.
func readIPC(t *proc.Tick, c *ipcContent) error {
	var errs [4]error
	if _, ok := t.Want[schema.Msg]; ok {
		c.queues, errs[0] = t.Host.MsgQueues(true)
	}
	if _, ok := t.Want[schema.Sem]; ok {
		c.sets, errs[1] = t.Host.SemSets()
	}
	if _, ok := t.Want[schema.Shm]; ok {
		c.segments, errs[2] = t.Host.ShmSegments(t.Needs.Has(NeedResident))
	}
	if _, ok := t.Want[schema.PMsg]; ok {
		c.posix, errs[3] = t.Host.AllPosixQueues(true, t.Wants(schema.PMsg, NeedQueueText))
	}
	return errors.Join(errs[:]...)
}

// InIPCSpace runs do in the namespace of a System V object.
func InIPCSpace(t *proc.Tick, r schema.Ref, do func() error) error {
	if r.Space == 0 {
		return do()
	}
	s := t.SpaceAt("ipc", r.Space)
	if s == nil {
		return NoSuchObject{}
	}
	return t.Host.VisitNamespace(s.Namespace, do)
}

// AskAll ends a note about objects that only AllNamespaces shows. -A is a flag of ipctop --once and a key of the
// dashboard.
const AskAll = " (-A)"

// NoteOtherIPC notes the objects that other IPC namespaces hold. It must cost next to nothing. So it knows namespaces
// without processes only if descriptors were read anyway.
func NoteOtherIPC(t *proc.Tick) {
	if t.AllNamespaces || !t.WantsSysV() || !t.Host.Live() {
		return
	}
	spaces, closed, objects := 0, 0, uint64(0)
	others := t.Others("ipc")
	held := make([]uint64, len(others))
	errs := t.Host.VisitNamespaces(proc.Entries(others), func(i int) (err error) {
		held[i], err = t.Host.IPCObjects()
		return err
	})
	for i, err := range errs {
		switch {
		case sys.Denied(err):
			closed++
		case err == nil && held[i] > 0:
			spaces, objects = spaces+1, objects+held[i]
		}
	}
	if spaces > 0 {
		t.Note(fmt.Sprintf("%d %s %s"+AskAll, spaces,
			schema.Plural(spaces, "other IPC namespace holds", "other IPC namespaces hold"),
			schema.Counted(objects, "object")))
	}
	if closed > 0 {
		t.Note(fmt.Sprintf("%d %s be entered from here: root can"+AskAll, closed,
			schema.Plural(closed, "other IPC namespace cannot", "other IPC namespaces cannot")))
	}
}

// NoSuchObject is an fs.ErrNotExist with words for objects that are not files.
type NoSuchObject struct{}

func (NoSuchObject) Error() string { return "there is no such object" }
func (NoSuchObject) Unwrap() error { return fs.ErrNotExist }

// LeaderNeeds are the needs of LeaderOf.
const LeaderNeeds = proc.NeedProcs | proc.NeedIPCNS

// LeaderOf is the ns_leader cell of an object: in whose IPC namespace or /dev/shm it is. It is blank for other kinds.
func LeaderOf(o *schema.Object) schema.Value {
	switch r := o.Row.(type) {
	case *MsgRow:
		return r.Owners.Place.Leader
	case *SemRow:
		return r.Owners.Place.Leader
	case *ShmRow:
		return r.Owners.Place.Leader
	case posixObject:
		return r.posix().Place.Leader
	}
	return schema.None(schema.TypeString)
}
