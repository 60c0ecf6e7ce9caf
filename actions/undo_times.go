package actions

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/ipctop/ipctop/collect/kernel/own"
	"github.com/ipctop/ipctop/collect/schema"
)

// A System V object has no number of its own: a new one may have the same id, key, creator and values. IPC_SET, SETVAL
// and the birth move its ctime (ipc/util.c, ipc/sem.c). So a change of settings saves ctime before and after in
// S.times.json, and undo refuses another ctime. An undo moves ctime, too, and is added there: earlier changes of the
// object can then be undone in turn.

// ctimeMove is one change of an object by ipctop, in Unix seconds.
type ctimeMove struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
}

func timesName(step int) string { return fmt.Sprintf("%d.times.json", step) }

// readMoves returns the moves of a step; none if nothing is saved.
func readMoves(dir *own.Dir, step int) (moves []ctimeMove, err error) {
	err = readJSON(dir, timesName(step), &moves)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return moves, err
}

// moved adds a move of the object of a step.
func (s *setter) moved(dir *own.Dir, step int, r schema.Ref, from int64) error {
	now, err := s.read(r)
	if err != nil {
		return err
	}
	moves, err := readMoves(dir, step)
	if err != nil {
		return err
	}
	return writeJSON(dir, timesName(step), append(moves, ctimeMove{from, now.ctime}))
}

// unmoved refuses an object whose ctime is not the one after the change, nor after later changes by ipctop.
func (u *undoer) unmoved(o *savedObject, ctime int64) error {
	moves, err := readMoves(u.dir, o.Step)
	switch {
	case err != nil:
		return err
	case len(moves) == 0:
		return refuse("its ctime after the change was not saved: whether it is still the same object cannot be told")
	case moves[0].To == ctime:
		return nil
	}
	all, err := u.movesOf(o)
	if err != nil {
		return err
	}
	known := []int64{moves[0].To}
	for i := 0; i < len(known); i++ {
		for _, m := range all {
			if m.From == known[i] && !slices.Contains(known, m.To) {
				known = append(known, m.To)
			}
		}
	}
	if !slices.Contains(known, ctime) {
		return refuse("it was changed or made anew since: its ctime was %v, is %v", moment(moves[0].To), moment(ctime))
	}
	return nil
}

// movesOf returns the moves of an object by all saved plans. It passes over a broken plan: without its moves, undo
// refuses more, not less.
func (u *undoer) movesOf(o *savedObject) (all []ctimeMove, err error) {
	saves, err := u.journal.openSaves(false)
	if err != nil {
		return nil, err
	}
	defer saves.close()
	numbers, err := saves.numbers()
	if err != nil {
		return nil, err
	}
	for _, n := range numbers {
		dir, plan, err := saves.plan(n)
		if err != nil {
			continue
		}
		if plan.IPCNamespace == u.saved.IPCNamespace && plan.BootID == u.saved.BootID {
			objects, _ := objectsOf(dir)
			for i := range objects {
				if x := &objects[i]; x.Before != nil && x.Kind == o.Kind && x.ID == o.ID {
					moves, _ := readMoves(dir, x.Step)
					all = append(all, moves...)
				}
			}
		}
		dir.Close()
	}
	return all, nil
}
