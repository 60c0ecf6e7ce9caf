package kinds

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/undo"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// semHold holds a process's adjustments to a semaphore set by SEM_UNDO. Two processes may share one list of
// adjustments: see undo.Undo.
type semHold struct{ undo.Undo }

// Ref is the process as an object.
func (h semHold) Ref() schema.Ref { return h.endpoint().Ref() }

func (h semHold) endpoint() schema.Endpoint {
	return schema.Endpoint{PID: h.PID, Comm: h.Comm, FD: -1, Mode: h.Words(), Start: h.Start}
}

// Taken is the amount that the process's exit would add to a semaphore: 2 after an operation of −2. Below 0 the exit
// would subtract.
func (h semHold) Taken(num uint16) int {
	for _, a := range h.Adj {
		if a.Num == num {
			return int(a.Adj)
		}
	}
	return 0
}

// takes reports whether the process holds something that other processes may need. A positive adjustment does; a
// negative one stands for something that the process gave.
func (h semHold) takes() bool {
	for _, a := range h.Adj {
		if a.Adj > 0 {
			return true
		}
	}
	return false
}

// Words shows the adjustments in the form of semop's operations: "[0]+1 [3]-2".
func (h semHold) Words() string {
	const most = 8
	var parts []string
	for i, a := range h.Adj {
		if i == most {
			parts = append(parts, "…")
			break
		}
		parts = append(parts, fmt.Sprintf("[%d]%+d", a.Num, a.Adj))
	}
	return strings.Join(parts, " ")
}

// undoSource opens the reader of SEM_UNDO at the first call and keeps it. The open takes 24 ms. After a refusal it
// does not try again.
type undoSource struct {
	reader *undo.Reader // it closes with its file, at the end of its last use
	err    error
}

var errSomeUndos = errors.New("SEM_UNDO could not be read in full: a process has thousands of adjustments, " +
	"or changed them meanwhile")

func (s *undoSource) read(h *kernel.Host) ([]undo.Undo, error) {
	if s.reader == nil && s.err == nil {
		s.reader, s.err = undo.Open(h.Root)
	}
	if s.err != nil {
		return nil, s.err
	}
	undos, complete, err := s.reader.Undos()
	if err == nil && !complete {
		err = errSomeUndos
	}
	return undos, err
}

// undoFacts holds the tick's adjustments.
type undoFacts struct {
	holds map[proc.WaitKey][]semHold
	err   error
}

// SemUndos lists the SEM_UNDO holders of each semaphore set, by SysvWait of its Ref. It has the sets of other IPC
// namespaces, too. A process that is not in the list holds nothing by SEM_UNDO, unless err is set. err says in one
// sentence which part is unreadable, and evidence may quote it. Processes outside this pid namespace are never in the
// list (Tick.Nested).
func SemUndos(t *proc.Tick) (holds map[proc.WaitKey][]semHold, err error) {
	held := proc.Memo(t, readUndos)
	return held.holds, held.err
}

func readUndos(t *proc.Tick) undoFacts {
	source := proc.Keep(t.Kept, func() undoSource { return undoSource{} })
	undos, err := source.read(t.Host)
	held := undoFacts{holds: map[proc.WaitKey][]semHold{}, err: err}
	for _, u := range undos {
		key := proc.WaitKey{Kind: schema.Sem, Dev: t.IPCSpace(u.IPCNS), ID: uint64(u.SemID)}
		held.holds[key] = append(held.holds[key], semHold{u})
	}
	return held
}

// setHolds lists the holds on one set. asked is false if they are not wanted.
func setHolds(t *proc.Tick, ref schema.Ref) (list []semHold, asked bool, err error) {
	if !t.WantsFor(ref, NeedUndo) {
		return nil, false, nil
	}
	holds, err := SemUndos(t)
	t.Fault(string(schema.Sem), err)
	return holds[SysvWait(ref)], true, err
}

// undoValue is the cell of the undo column of one set.
func undoValue(t *proc.Tick, ref schema.Ref) schema.Value {
	holds, asked, err := setHolds(t, ref)
	if !asked || err != nil && len(holds) == 0 && !sys.Denied(err) {
		return schema.Uncollected(schema.TypeEndpoints)
	}
	ends := make([]schema.Endpoint, 0, len(holds))
	for _, h := range holds {
		ends = append(ends, h.endpoint())
	}
	return schema.Endpoints(ends, err != nil)
}

// undoEdges relates the processes that took from the set.
func undoEdges(t *proc.Tick, set schema.Ref, add func(schema.Edge)) {
	holds, _, _ := setHolds(t, set)
	for _, h := range holds {
		if h.takes() {
			add(schema.Edge{From: h.Ref(), To: set, Rel: schema.RelHolds, Via: schema.InWords("SEM_UNDO " + h.Words()),
				Proof: schema.Observed})
		}
	}
}
