package actions

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ipctop/ipctop/collect/kernel/account"
	"github.com/ipctop/ipctop/collect/kernel/own"
	"github.com/ipctop/ipctop/collect/schema"
)

// ErrNothingSaved means that there is no plan to undo.
var ErrNothingSaved = errors.New("nothing is saved that could be made again: see ipctop undo --list")

// SavedPlan is a plan whose objects are saved.
type SavedPlan struct {
	Number  int          `json:"number"`
	Time    time.Time    `json:"time"`
	Title   string       `json:"title"`
	User    string       `json:"user"`
	Objects []SavedEntry `json:"objects"`
}

// SavedEntry is one saved object.
type SavedEntry struct {
	Ref     string `json:"ref"`
	Bytes   uint64 `json:"bytes"`   // of what it held, without zeros
	Unsaved string `json:"unsaved"` // what is not saved, and why
	Undone  bool   `json:"undone"`  // it was made again
}

// Left counts the objects that were not made again.
func (p *SavedPlan) Left() int {
	n := 0
	for _, o := range p.Objects {
		if !o.Undone {
			n++
		}
	}
	return n
}

// Saved lists the saved plans, the oldest first. Looking changes nothing.
func (p *Planner) Saved() ([]SavedPlan, error) {
	saves, err := p.journal.openSaves(false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer saves.close()
	numbers, err := saves.numbers()
	var all []SavedPlan
	for _, n := range numbers {
		dir, plan, planErr := saves.plan(n)
		if errors.Is(planErr, fs.ErrNotExist) {
			continue // it is being made, or has just gone
		}
		if planErr != nil {
			err = errors.Join(err, saves.broken(n, planErr))
			continue
		}
		objects, readErr := objectsOf(dir)
		if readErr != nil {
			err = errors.Join(err, saves.broken(n, readErr))
		}
		one := SavedPlan{Number: n, Time: plan.Time, Title: plan.Title, User: plan.User}
		for i := range objects {
			o := &objects[i]
			one.Objects = append(one.Objects, SavedEntry{o.Ref, o.Bytes, o.Unsaved, isUndone(dir, o)})
		}
		dir.Close()
		all = append(all, one)
	}
	return all, err
}

// objectsOf reads the objects of a saved plan, in the order of its steps.
func objectsOf(dir *own.Dir) ([]savedObject, error) {
	names, err := dir.Names()
	var all []savedObject
	for _, name := range names {
		if stepOf(name) == 0 {
			continue
		}
		var o savedObject
		if readErr := readJSON(dir, name, &o); readErr != nil {
			err = errors.Join(err, readErr)
			continue
		}
		o.Step = stepOf(name)
		all = append(all, o)
	}
	slices.SortFunc(all, func(a, b savedObject) int { return a.Step - b.Step })
	return all, err
}

func undoneName(o *savedObject) string { return fmt.Sprintf("%d.undone", o.Step) }

// isUndone is true for an object that was made again: its mark has a text. In doubt it was.
func isUndone(dir *own.Dir, o *savedObject) bool {
	f, err := dir.Open(undoneName(o), os.O_RDONLY)
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist)
	}
	defer f.Close()
	return isMarked(f)
}

func isMarked(f *os.File) bool {
	info, err := f.Stat()
	return err != nil || info.Size() > 0
}

// Undo plans to make the objects of a saved plan again. Number 0 is the last plan with objects that are not made again
// yet. The error is ErrReadOnly, sys.ErrNotLive or ErrNothingSaved, or says why the saved plan cannot be read. The
// caller closes the plan.
func (p *Planner) Undo(number int) (*Plan, error) {
	if err := p.allowed(); err != nil {
		return nil, err
	}
	saves, err := p.journal.openSaves(false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNothingSaved
	}
	if err != nil {
		return nil, err
	}
	defer saves.close()
	if err := saves.purge(p.saving.keep(), p.now()); err != nil {
		return nil, err
	}
	var passed []error
	if number == 0 {
		if number, passed, err = saves.lastLeft(); err != nil {
			return nil, err
		}
	}
	dir, saved, err := saves.plan(number)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no plan %d is saved: see ipctop undo --list", number)
	}
	if err != nil {
		return nil, saves.broken(number, err)
	}
	plan := newPlan(p, undoDeed, "object")
	plan.hold(func() { dir.Close() })
	objects, err := objectsOf(dir)
	if err != nil {
		passed = append(passed, saves.broken(number, err))
	}
	if len(objects) == 0 && len(passed) > 0 {
		plan.Close()
		return nil, errors.Join(passed...)
	}
	if !slices.ContainsFunc(objects, func(o savedObject) bool { return o.Before == nil }) {
		plan.deed = "Set back values of"
	}
	u := &undoer{Planner: p, plan: plan, dir: dir, saved: saved, users: account.NewUsers(true)}
	if plan.deed == undoDeed {
		u.notes()
	}
	for _, err := range passed {
		plan.Notes = append(plan.Notes, err.Error())
	}
	for i := range objects {
		u.add(&objects[i])
	}
	plan.setTitle()
	plan.Title += fmt.Sprintf(" of plan %d (%s)", number, saved.Title)
	return plan, nil
}

// lastLeft is the number of the newest plan with an object that is not there again. passed tells which newer plans
// cannot be read: a full disk or a crash may have broken them.
func (s *saves) lastLeft() (number int, passed []error, err error) {
	numbers, err := s.numbers()
	if err != nil {
		return 0, nil, err
	}
	for _, n := range slices.Backward(numbers) {
		dir, _, err := s.plan(n)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			passed = append(passed, s.broken(n, err))
			continue
		}
		objects, err := objectsOf(dir)
		left := slices.ContainsFunc(objects, func(o savedObject) bool { return !isUndone(dir, &o) })
		dir.Close()
		switch {
		case left:
			return n, passed, nil
		case err != nil:
			passed = append(passed, s.broken(n, err))
		}
	}
	return 0, nil, errors.Join(append(passed, ErrNothingSaved)...)
}

// broken says in one line what of a saved plan cannot be read, and what to do.
func (s *saves) broken(number int, err error) error {
	return fmt.Errorf("saved plan %d is broken: %s: what is missing cannot be made again: look into %s and remove it",
		number, strings.ReplaceAll(err.Error(), "\n", "; "), s.dir.Path(strconv.Itoa(number)))
}

// undoDeed begins the title of a plan that makes objects again.
const undoDeed = "Make again"

// undoer makes the plan to make objects again.
type undoer struct {
	*Planner
	plan  *Plan
	dir   *own.Dir
	saved savedPlan
	users *account.Users
}

// notes tell what holds for all objects of the plan.
func (u *undoer) notes() {
	u.plan.Notes = append(u.plan.Notes, "times, last pids and the creator are those of this undo; nobody is attached, "+
		"and SEM_UNDO is gone")
	if u.saved.BootID != u.journal.origin.BootID {
		u.plan.Notes = append(u.plan.Notes, "the machine has started again since: programs may have made their "+
			"objects anew")
	}
}

// add plans one object.
func (u *undoer) add(o *savedObject) {
	ref := schema.Ref{Kind: o.Kind, ID: uint64(o.ID), Name: string(o.Name)}
	st := Step{Ref: ref, Victim: ref.String(), object: o.facts()}
	err := u.why(o)
	if err == nil {
		err = u.step(&st, o)
	}
	if err == nil {
		err = u.whole(o)
	}
	if err != nil {
		u.plan.Refused = append(u.plan.Refused, Refusal{ref, reason(err)})
		return
	}
	if o.Unsaved != "" {
		st.Unsaved = []string{o.Unsaved}
	}
	make := st.do
	st.do = func() (string, error) {
		mark, err := u.dir.Lock(undoneName(o), false) // against another undo of the same object
		if err != nil {
			return "", err
		}
		defer mark.Close()
		if isMarked(mark) {
			return "", errUndone
		}
		says, err := make()
		if err != nil {
			return "", err
		}
		_, err = mark.WriteString(u.now().Format(time.RFC3339) + "\n")
		if err = errors.Join(err, mark.Sync()); err != nil {
			says += fmt.Sprintf("; ipctop undo could do it twice, since its mark cannot be written: %v", err)
		}
		return says, nil
	}
	u.plan.Steps = append(u.plan.Steps, st)
}

var errUndone = goneError("it was made again already")

// why is the reason why an object cannot be made again here.
func (u *undoer) why(o *savedObject) error {
	if isUndone(u.dir, o) {
		return errUndone
	}
	if o.Kind.SysV() || o.Kind == schema.PMsg {
		if here := u.journal.origin.IPCNamespace; here != u.saved.IPCNamespace {
			return refuse("it was in IPC namespace %d, and this is %d: undo it there", u.saved.IPCNamespace, here)
		}
	}
	if o.Kind.InDevShm() && o.Dev != 0 && u.saved.BootID == u.journal.origin.BootID {
		here, ok, err := u.host.DevShmDevice()
		switch {
		case err != nil:
			return err
		case !ok:
			return refuse("there is no /dev/shm here")
		case here != o.Dev:
			return refuse("it was in another /dev/shm (device %s, and this is %s): undo it there",
				schema.FormatDev(o.Dev), schema.FormatDev(here))
		}
	}
	return nil
}

// facts are what the journal keeps of an object that is made.
func (o *savedObject) facts() facts {
	f := facts{{"uid", o.UID, false}, {"gid", o.GID, false}, {"mode", octal(o.Perms), false},
		{"bytes", o.Bytes, false}, {"messages", o.Messages, false}}
	if o.Kind.SysV() {
		return append(facts{{"id", o.ID, false}, {"key", hexKey(o.Key), false}}, f...)
	}
	return append(facts{{"name", string(o.Name), false}}, f...)
}

// whole reads the data of an object through, and refuses data that is cut short or lacks something.
func (u *undoer) whole(o *savedObject) error {
	var bytes uint64
	records := 0
	err := u.content(o, func(_ uint64, data []byte) error {
		records++
		bytes += uint64(len(data))
		return nil
	})
	isQueue := o.Kind == schema.Msg || o.Kind == schema.PMsg
	there := schema.Counted(bytes, "byte")
	if isQueue {
		there = schema.Counted(records, "message")
	}
	switch {
	case err != nil:
		return refuse("the copy of what it held is broken: %v: only %s of it can be read", err, there)
	case o.Data && (bytes != o.Bytes || isQueue && records != o.Messages):
		return refuse("the copy of what it held is broken: step %d of the plan has %s in %d records, not %d in %d",
			o.Step, schema.Counted(bytes, "byte"), records, o.Bytes, o.Messages)
	}
	return nil
}

// content opens the data of an object.
func (u *undoer) content(o *savedObject, visit func(number uint64, data []byte) error) error {
	if !o.Data {
		return nil
	}
	name := fmt.Sprintf("%d.data", o.Step)
	f, err := u.dir.Open(name, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := readRecords(f, visit); err != nil {
		return fmt.Errorf("%s: %w", f.Name(), err)
	}
	return nil
}

// with says in words what an object is made with.
func (o *savedObject) with() string {
	var parts []string
	switch {
	case (o.Kind == schema.Msg || o.Kind == schema.PMsg) && o.Messages == 0:
		parts = append(parts, "no messages")
	case o.Kind == schema.Msg || o.Kind == schema.PMsg:
		parts = append(parts, fmt.Sprintf("its %s (%s)", schema.Counted(o.Messages, "message"),
			schema.Counted(o.Bytes, "byte")))
	case o.Kind == schema.Sem && o.Values != nil:
		parts = append(parts, "its values")
	case o.Kind == schema.PSem:
		parts = append(parts, fmt.Sprintf("value %d", o.Value))
	case o.Data:
		parts = append(parts, fmt.Sprintf("what it held (%s in pages that hold something)",
			schema.Counted(o.Bytes, "byte")))
	case o.Size > 0:
		parts = append(parts, "zeros")
	}
	return strings.Join(append(parts, fmt.Sprintf("permissions %v", octal(o.Perms))), ", ")
}
