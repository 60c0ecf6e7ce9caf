package kinds

import (
	"slices"

	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// A machine has many pipes, and most stay the same from tick to tick. So a tick takes over the rows of the last tick
// that are still right.

// pipeRows are the rows of the last tick by kind, sorted by ID.
type pipeRows map[schema.Kind]*pipesOfKind

type pipesOfKind struct {
	objects []*schema.Object
	at      int  // the next object to look for
	partial bool // some holders could not be seen
}

// pipesBefore returns the rows of the last tick. It has none if that tick could see other holders.
func pipesBefore(t *proc.Tick, kind schema.Kind) *pipesOfKind {
	all := *proc.KeepWhileUsed(t, func() pipeRows { return pipeRows{} })
	k := all[kind]
	if k == nil {
		k = &pipesOfKind{}
		all[kind] = k
	}
	if partial := t.Unseen("fd") > 0; k.partial != partial {
		k.objects, k.partial = nil, partial
	}
	k.at = 0
	return k
}

// newRows makes n objects, and returns where the row of each lies if it is new. Without objects of the last tick all
// rows are new and share one array. Later rows are apart: they must not keep the lists of a whole tick.
func (k *pipesOfKind) newRows(n int) (row func(i int, uses []proc.FDUse) (*PipeRow, []proc.FDUse),
	objects []*schema.Object) {
	if len(k.objects) == 0 {
		rows, objects := NewObjects[PipeRow](n)
		return func(i int, uses []proc.FDUse) (*PipeRow, []proc.FDUse) { return &rows[i], uses }, objects
	}
	array := make([]schema.Object, n)
	objects = make([]*schema.Object, n)
	for i := range array {
		objects[i] = &array[i]
	}
	return func(_ int, uses []proc.FDUse) (*PipeRow, []proc.FDUse) { return &PipeRow{}, slices.Clone(uses) }, objects
}

// find returns the row of the object in the last tick. The objects must come in the order of their IDs.
func (k *pipesOfKind) find(id proc.FileID) *PipeRow {
	for ; k.at < len(k.objects); k.at++ {
		r := k.objects[k.at].Row.(*PipeRow)
		if order := r.ID.Compare(id); order >= 0 {
			if order == 0 {
				return r
			}
			break
		}
	}
	return nil
}

// keep keeps the rows for the next tick.
func (k *pipesOfKind) keep(objects []*schema.Object) { k.objects = objects }

// stays reports whether the row of an earlier tick is still right: it has the same users and the same facts, nobody
// waits, and there is nothing to ask the kernel for.
func (r *PipeRow) stays(t *proc.Tick, ref schema.Ref, uses []proc.FDUse, waiters schema.Value) bool {
	return len(r.Waits) == 0 && len(waiters.Endpoints()) == 0 && waiters.Equal(r.waiters) &&
		len(r.readers.Endpoints()) > 0 && len(r.writers.Endpoints()) > 0 &&
		collected(r.status) == t.Gathered(ref, NeedPipeEnds) && !collected(r.fill) && !t.Gathered(ref, NeedPipeFill) &&
		proc.SameUses(r.Uses, uses)
}

func collected(v schema.Value) bool { return v.State() != schema.NotCollected }
