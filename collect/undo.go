package collect

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/schema"
)

// semHold is what a process did to a semaphore set with SEM_UNDO and has not taken back. Two processes may have one in common: see kernel.Undo.
type semHold struct{ kernel.Undo }

// Ref is the process as an object.
func (h semHold) Ref() schema.Ref { return h.endpoint().Ref() }

func (h semHold) endpoint() schema.Endpoint {
	return schema.Endpoint{PID: h.PID, Comm: h.Comm, FD: -1, Mode: h.words(), Start: h.Start}
}

// taken is by how much the process's end would raise a semaphore: 2 after an operation of −2; below 0 it would lower it.
func (h semHold) taken(num uint16) int {
	for _, a := range h.Adj {
		if a.Num == num {
			return int(a.Adj)
		}
	}
	return 0
}

// takes says whether the process holds something that others could want: what it added is there for them.
func (h semHold) takes() bool {
	for _, a := range h.Adj {
		if a.Adj > 0 {
			return true
		}
	}
	return false
}

// words tells the adjustments as semop's words do its operations: "[0]+1 [3]-2".
func (h semHold) words() string {
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

// undoSource opens the reader of SEM_UNDO when it is first asked, which takes 24 ms, and keeps it. Who was refused once is not asked again.
type undoSource struct {
	reader *kernel.UndoReader // closes with its file, when nobody has it any more
	err    error
}

var errSomeUndos = errors.New("SEM_UNDO could not be read in full: a process has thousands of adjustments, or changed them meanwhile")

func (s *undoSource) read(h *kernel.Host) ([]kernel.Undo, error) {
	if s.reader == nil && s.err == nil {
		s.reader, s.err = h.OpenUndos()
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

// undoFacts are the tick's adjustments, read when first asked for.
type undoFacts struct {
	holds map[waitKey][]semHold
	err   error
}

// semUndos lists who holds what of each semaphore set by SEM_UNDO, by sysvWait of its Ref; sets of other IPC namespaces are among them. Whoever
// is not there holds nothing by SEM_UNDO, unless err says what could not be read, in a sentence that does for evidence; processes outside of this
// pid namespace are never there (Facts.nested).
func (f *Facts) semUndos() (holds map[waitKey][]semHold, err error) {
	held := Memo(f, readUndos)
	return held.holds, held.err
}

func readUndos(f *Facts) undoFacts {
	source := Keep(f.Kept, func() undoSource { return undoSource{} })
	undos, err := source.read(f.Host)
	held := undoFacts{holds: map[waitKey][]semHold{}, err: err}
	for _, u := range undos {
		key := waitKey{schema.Sem, f.ipcSpace(u.IPCNS), uint64(u.SemID)}
		held.holds[key] = append(held.holds[key], semHold{u})
	}
	return held
}

// setHolds are the holds on one set, if they were asked for.
func (f *Facts) setHolds(ref schema.Ref) (list []semHold, asked bool, err error) {
	if !f.WantsFor(ref, schema.NeedUndo) {
		return nil, false, nil
	}
	holds, err := f.semUndos()
	f.Fault(string(schema.Sem), err)
	return holds[sysvWait(ref)], true, err
}

// undoValue is the undo column of one set.
func (f *Facts) undoValue(ref schema.Ref) schema.Value {
	holds, asked, err := f.setHolds(ref)
	if !asked || err != nil && len(holds) == 0 && !kernel.Denied(err) {
		return schema.Uncollected(schema.TypeEndpoints)
	}
	ends := make([]schema.Endpoint, 0, len(holds))
	for _, h := range holds {
		ends = append(ends, h.endpoint())
	}
	return schema.Endpoints(ends, err != nil)
}

// undoEdges say who took from the set.
func (f *Facts) undoEdges(set schema.Ref) []schema.Edge {
	holds, _, _ := f.setHolds(set)
	var edges []schema.Edge
	for _, h := range holds {
		if h.takes() {
			edges = append(edges, schema.Edge{From: h.Ref(), To: set, Rel: schema.RelHolds, Via: "SEM_UNDO " + h.words(), Proof: schema.Observed})
		}
	}
	return edges
}
