package waits

import (
	"slices"

	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
)

// Many threads may wait for one object, and all of them may be able to end each other's wait: a thousand readers of a
// pipe that they inherited. So its enders are looked up once, and the waits share one list. A shared list is read-only.
// Its memory identifies it: relate.Solve, the edges and the cells take such waits together.

// listID identifies a list of enders by its memory; zero: the empty list.
type listID struct {
	at *relate.Ender
	n  int
}

func idOf(list []relate.Ender) (id listID) {
	if len(list) > 0 {
		id = listID{&list[0], len(list)}
	}
	return id
}

// usesID identifies descriptors of one index by their memory, and what their processes are to the object.
type usesID struct {
	at  *proc.FDUse
	n   int
	how string
}

// union is what a shared list was made of: a list, and another one whose enders act on an object.
type union struct {
	list, more listID
	on         schema.Ref
}

// sharedLists holds the lists of enders that several waits may share.
type sharedLists struct {
	uses    map[usesID][]relate.Ender
	unions  map[union][]relate.Ender
	cells   map[listID]schema.Value
	changes map[semChange]wakers   // see lastOperator
	undos   map[semNumber]*semUndo // see undoOf
}

func newSharedLists() sharedLists {
	return sharedLists{uses: map[usesID][]relate.Ender{}, unions: map[union][]relate.Ender{},
		cells: map[listID]schema.Value{}, changes: map[semChange]wakers{}, undos: map[semNumber]*semUndo{}}
}

// usersOf is useEnders, shared by all who ask for the same descriptors. how tells the choice of the descriptors, too.
func (s *sharedLists) usersOf(uses []proc.FDUse, pass func(*proc.FD) bool, how string) []relate.Ender {
	if len(uses) == 0 {
		return nil
	}
	id := usesID{&uses[0], len(uses), how}
	list, ok := s.uses[id]
	if !ok {
		list = useEnders(uses, pass, how)
		s.uses[id] = list
	}
	return list
}

// with is a list and the enders of one more object, each of which then names the object.
func (s *sharedLists) with(list []relate.Ender, e *wakers) []relate.Ender {
	if len(e.enders) == 0 {
		return list
	}
	id := union{list: idOf(list), more: idOf(e.enders)}
	if len(e.on) == 1 {
		id.on = e.on[0]
	}
	all, ok := s.unions[id]
	if !ok {
		all = slices.Concat(list, e.enders)
		for i := len(list); i < len(all); i++ {
			if all[i].On.IsZero() {
				all[i].On = id.on
			}
		}
		s.unions[id] = all
	}
	return all
}

// or adds the enders of an alternative to a wait: a poll waits for any of its descriptors.
func (s *sharedLists) or(e *wakers, o wakers) {
	if !e.merged {
		e.enders, e.merged = s.with(nil, e), true
	}
	e.enders = s.with(e.enders, &o)
	for _, r := range o.on {
		if !slices.Contains(e.on, r) {
			e.on = append(e.on, r)
		}
	}
	if e.open == "" {
		e.open = o.open
	}
	if e.assumes == "" {
		e.assumes = o.assumes
	}
	e.outside, e.timed = e.outside || o.outside, e.timed || o.timed
}

// cell is the cell of a wait's enders.
func (s *sharedLists) cell(t *proc.Tick, list []relate.Ender) schema.Value {
	id := idOf(list)
	v, ok := s.cells[id]
	if !ok {
		ends := make([]schema.Endpoint, 0, len(list))
		for i := range list {
			if p := t.Process(int(list[i].Proc.ID)); p != nil {
				end := t.Endpoint(p, -1, list[i].How)
				end.TID = list[i].TID
				ends = append(ends, end)
			}
		}
		v = schema.SharedEndpoints(ends)
		s.cells[id] = v
	}
	return v
}
